"""The documentation says the same in both languages, its links lead somewhere, and what it says of settings is true."""

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from openwx.api.openapi.descriptions import FORMATS
from openwx.config import (
    EVENTS,
    AccessKey,
    AccountSettings,
    ClusterSettings,
    Listen,
    ReportSettings,
    Settings,
    StoreSettings,
    TargetSettings,
)
from openwx.config.models import AccessSettings, JournalLimits, McpSettings, Media

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NAMES = sorted(path.name for path in DOCS.glob("*.md"))
PAGES = [*(DOCS / name for name in NAMES), *(DOCS / "zh" / name for name in NAMES)]
CONTRIBUTING = ROOT / "CONTRIBUTING.md", DOCS / "zh" / "contributing.md"
"""In English it is where GitHub looks for it."""
READMES = ROOT / "README.md", ROOT / "README.zh-CN.md"
CHINESE = [READMES[1], CONTRIBUTING[1], *(DOCS / "zh" / name for name in NAMES)]
EVERY_PAGE = [
    *sorted(ROOT.glob("*.md")),
    *(
        path
        for folder in ("benchmarks", "docs", "openwx")
        for path in sorted((ROOT / folder).rglob("*.md"))
    ),
]
TABLES: dict[str, type[BaseModel]] = {
    "[[listen]]": Listen,
    "[access]": AccessSettings,
    "[[access.keys]]": AccessKey,
    "[store]": StoreSettings,
    "[cluster]": ClusterSettings,
    "[media]": Media,
    "[report]": ReportSettings,
    "[[report.targets]]": TargetSettings,
    "[journal]": JournalLimits,
    "[mcp]": McpSettings,
    "[accounts.NAME]": AccountSettings,
}

page_of_each = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(DOCS)))


def blocks(text: str, *languages: str) -> list[str]:
    """Return the code blocks in these languages."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [code for language, code in found if language in languages]


def prose(text: str) -> str:
    """Without code blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def headings(text: str) -> list[str]:
    return re.findall(r"^(#+ .+)$", prose(text), re.MULTILINE)


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings: their words in lower case, with hyphens between."""
    titles = (heading.lstrip("#").strip().lower() for heading in headings(text))
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


def outline(text: str) -> list[object]:
    """Return what both languages must have alike: depths of headings, rows of tables, code without its comments.

    The table of the benchmarks, which a program writes, is in English only.
    """
    text = re.sub(
        r"^<!-- benchmarks -->$.*^<!-- end of benchmarks -->$",
        "",
        text,
        flags=re.MULTILINE | re.DOTALL,
    )
    depths = [len(heading.partition(" ")[0]) for heading in headings(text)]
    rows = len(re.findall(r"^\|", prose(text), re.MULTILINE))
    code = [re.sub(r"\s+#.*", "", block) for block in blocks(text, "sh", "toml", "python", "json")]
    return [depths, rows, code]


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_say_the_same(name: str) -> None:
    english = (DOCS / name).read_text(encoding="utf-8")
    chinese = (DOCS / "zh" / name).read_text(encoding="utf-8")
    assert outline(english) == outline(chinese)
    assert f"*[中文](zh/{name})*" in english
    assert f"*[English](../{name})*" in chinese


def test_both_readmes_say_the_same() -> None:
    english, chinese = (path.read_text(encoding="utf-8") for path in READMES)
    assert outline(english) == outline(chinese)
    assert "*[中文](README.zh-CN.md)*" in english
    assert "*[English](README.md)*" in chinese


def test_both_pages_for_contributors_say_the_same() -> None:
    english, chinese = (path.read_text(encoding="utf-8") for path in CONTRIBUTING)
    assert outline(english) == outline(chinese)
    assert "*[中文](docs/zh/contributing.md)*" in english
    assert "*[English](../../CONTRIBUTING.md)*" in chinese
    words = [
        re.findall(r"^\| (\*\*.+?) \| (.+?) \|", page, re.MULTILINE) for page in (english, chinese)
    ]
    of_english, of_chinese = ({word for _, word in rows} for rows in words)
    assert of_english == of_chinese, "the Chinese words of the glossary"


def test_there_is_no_page_in_one_language() -> None:
    chinese = {*(DOCS / "zh").glob("*.md")} - {CONTRIBUTING[1]}
    assert sorted(path.name for path in chinese) == NAMES


@pytest.mark.parametrize("folder", [DOCS, DOCS / "zh"], ids=["English", "Chinese"])
def test_the_index_lists_every_page(folder: Path) -> None:
    listed = {path for path, _ in links(folder / "README.md") if path.parent == folder}
    pages = {folder / name for name in NAMES} - {folder / "README.md"}
    assert listed == pages | ({CONTRIBUTING[1]} if folder.name == "zh" else set())


@pytest.mark.parametrize("page", CHINESE, ids=lambda path: str(path.relative_to(ROOT)))
def test_chinese_pages_use_one_word_for_one_thing(page: Path) -> None:
    """WeChat's own words, in quotation marks, and names in JSON stay as they are."""
    text = re.sub(r"「[^」]*」", "", prose(page.read_text(encoding="utf-8")))
    assert not re.findall("帐号|投递|口令|您", text)


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """Yield where the links within the project lead: a file, and an anchor in it."""
    for target in re.findall(
        r"\]\((?!https?:)([^)\s]+)\)", prose(page.read_text(encoding="utf-8"))
    ):
        path, _, anchor = target.partition("#")
        yield (page.parent / path).resolve() if path else page, anchor


@pytest.mark.parametrize("page", EVERY_PAGE, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for path, anchor in links(page):
        assert path.exists(), path
        if anchor:
            assert anchor in anchors(path.read_text(encoding="utf-8")), f"{path}#{anchor}"


@page_of_each
def test_code_can_be_read(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for code in blocks(text, "toml"):
        Settings.model_validate(tomllib.loads(code))
    for code in blocks(text, "python"):
        compile(code, str(page), "exec", flags=0x2000)  # await may stand outside of functions


def explained(folder: Path) -> dict[type[BaseModel], dict[str, str]]:
    """Return the keys of each table with their defaults, as the page of the configuration has them."""
    text = (folder / "configuration.md").read_text(encoding="utf-8")
    first, *sections = re.split(r"^## `(\[.+?\]+)`.*$", text, flags=re.MULTILINE)
    named = zip(sections[::2], sections[1::2], strict=True)
    return {Settings: keys(first)} | {TABLES[name]: keys(section) for name, section in named}


def keys(section: str) -> dict[str, str]:
    rows = re.findall(r"^\| (`[^|]+`) \| ([^|]+) \|", section, re.MULTILINE)
    return {key: default for cell, default in rows for key in re.findall(r"`(\w+)`", cell)}


@pytest.mark.parametrize("folder", [DOCS, DOCS / "zh"], ids=["English", "Chinese"])
def test_every_setting_is_explained(folder: Path) -> None:
    found = explained(folder)
    tables = {name.strip("[]").partition(".")[0] for name in TABLES}
    assert set(found[Settings]) == Settings.model_fields.keys() - tables
    for model in TABLES.values():
        inherited = ReportSettings.model_fields.keys() if model is AccountSettings else set()
        own = model.model_fields.keys() - inherited
        assert set(found[model]) == own, model


@pytest.mark.parametrize("folder", [DOCS, DOCS / "zh"], ids=["English", "Chinese"])
def test_documented_defaults_are_true(folder: Path) -> None:
    for model, found in explained(folder).items():
        for name, default in found.items():
            if (code := re.fullmatch(r"`(.+)`", default)) and "、" not in default:
                needed = {"name": "a", "token": "b"} if model is AccessKey else {}
                given = tomllib.loads(f"{name} = {code[1]}") if name != "roots" else {}
                default_of = model.model_validate(needed)
                told_of = model.model_validate(needed | given)
                assert getattr(told_of, name) == getattr(default_of, name), name


def said(page: Path) -> set[str]:
    """Return the words of openwx that a page quotes."""
    text = re.sub(r"`[^`\n]*`", "", prose(page.read_text(encoding="utf-8")))
    return set(re.findall(r"[\"“]([^\"“”]+)[\"”]", text))


def words_of_the_code() -> str:
    """All texts in it, those that stand in pieces put together."""
    texts = []
    for file in (ROOT / "openwx").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Constant(value=str(text)):
                    texts.append(text)
                case ast.JoinedStr(values=pieces):
                    texts.append("".join(str(getattr(one, "value", "")) for one in pieces))
    return "\n".join(texts)


def test_troubleshooting_quotes_what_openwx_says() -> None:
    quoted = said(DOCS / "troubleshooting.md")
    assert quoted == said(DOCS / "zh" / "troubleshooting.md")
    words = words_of_the_code()
    assert len(quoted) > 10
    assert [quote for quote in quoted if quote not in words] == []


def recorded(kind: str, name: str, about: str) -> Json:
    """Return what a real run reported (``openwx/api/openapi/examples``)."""
    path = ROOT / "openwx" / "api" / "openapi" / "examples" / f"post_api_{kind}s.json"
    answer: Json = json.loads(path.read_text(encoding="utf-8"))[name][about]
    return answer


def is_part_of(shown: object, real: object) -> bool:
    """Whether it is alike in its keys and types, as far as it is shown; texts and numbers may be others."""
    match shown, real:
        case dict(), dict():
            return shown.keys() <= real.keys() and all(
                is_part_of(value, real[key]) for key, value in shown.items()
            )
        case list(), list():
            return all(is_part_of(*pair) for pair in zip(shown, real, strict=False))
    return type(shown) is type(real)


@pytest.mark.parametrize("folder", [DOCS, DOCS / "zh"], ids=["English", "Chinese"])
def test_every_report_is_shown_as_it_is(folder: Path) -> None:
    text = (folder / "reports.md").read_text(encoding="utf-8")
    found = re.findall(
        r"^<!-- (message|event): (\w+) / ([^\n]+) -->\n```json\n(.*?)^```$",
        text,
        re.MULTILINE | re.DOTALL,
    )
    for kind, name, about, code in found:
        shown, real = json.loads(code), recorded(kind, name, about)
        assert is_part_of(shown, real), (name, about)
        if name not in ("update_friend", "update_group"):
            assert len(shown.get("params", ())) == len(real.get("params", ())), name
        assert shown.get("event", shown.get("format")) == name
    assert {name for kind, name, *_ in found if kind == "event"} == set(EVENTS)
    assert {name for kind, name, *_ in found if kind == "message"} == set(FORMATS)
