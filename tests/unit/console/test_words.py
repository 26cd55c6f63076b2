"""What the console says, in both languages, and how it shows what others wrote."""

import ast
import re
from pathlib import Path

import pytest

from openwx import console
from openwx.console import filters
from openwx.console.chinese import CHINESE
from openwx.console.health import RET_WORDS
from openwx.console.messages import FAILURES, KINDS
from openwx.console.translation import ENGLISH, translate
from openwx.domain.events import State
from openwx.language import preferred
from openwx.reasons import REASON_OF_RET
from openwx.safetext import plain

HERE = Path(console.__file__).parent


def sentences_of_templates() -> set[str]:
    """Whatever stands between quotes in a call of ``t`` that is made of words."""
    found: set[str] = set()
    for template in HERE.rglob("*.html"):
        for inside in re.findall(r"\bt\(((?:[^()]|\([^()]*\))*)\)", template.read_text("utf-8")):
            found |= {a or b for a, b in re.findall(r'"([^"]{2,})"|\'([^\']{2,})\'', inside)}
    return {one for one in found if re.search(r"[A-Za-z]{2}", one) and not one.startswith("{")}


def sentences_of_code() -> set[str]:
    """The arguments of ``t``, the words of ``Health`` and of refusals."""
    found: set[str] = set()
    for module in HERE.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = (
                node.func.attr
                if isinstance(node.func, ast.Attribute)
                else getattr(node.func, "id", "")
            )
            if called in ("t", "Health", "Card"):
                found |= {
                    argument.value
                    for argument in node.args
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
                }
    return found - {"", "good", "busy", "bad", "idle", "coin", "people", "place", "grid"}


def sentences_of_health() -> set[str]:
    """All that is written in this module as a sentence, whatever it is given to."""
    tree = ast.parse((HERE / "health.py").read_text("utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if " " in node.value and id(node) not in docstrings
    }


KEYS_OF_TABLES = {"friends", "groups", "others", "failed", "waiting", "delivered", " · ", " "}


def test_every_sentence_is_there_in_chinese() -> None:
    said = (
        sentences_of_templates()
        | sentences_of_code()
        | sentences_of_health()
        | set(KINDS.values())
        | set(FAILURES.values())
    )
    assert len(said) > 100
    assert not sorted(said - CHINESE.keys() - KEYS_OF_TABLES)


def test_every_state_and_reason_is_there_in_both() -> None:
    for state in State:
        assert f"state {state}" in CHINESE
        assert f"state {state}" in ENGLISH
    assert REASON_OF_RET.keys() <= RET_WORDS.keys()
    assert set(RET_WORDS.values()) <= CHINESE.keys()


def test_chinese_is_spelt_as_wechat_spells_it() -> None:
    """WeChat writes 账号; the contract's category 系统帐号 is data."""
    assert not [chinese for chinese in CHINESE.values() if "帐号" in chinese]
    own = "微信号|openwx|WeChat|config.toml|login_mode|desktop|docs/zh/limits.md"
    for english in RET_WORDS.values():
        assert not re.search("[A-Za-z]", re.sub(own, "", CHINESE[english]))


def test_both_languages_have_the_same_gaps_to_fill() -> None:
    for english, chinese in CHINESE.items():
        assert sorted(re.findall(r"{\w+}", english)) == sorted(re.findall(r"{\w+}", chinese))


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("fr,zh-TW;q=0.5", "zh"),
        ("zh;q=0", "en"),
        ("en;q=0.2, ZH-Hans;q=0.7", "zh"),
        ("*", "en"),
        ("zh;q=x", "en"),
    ],
)
def test_the_browsers_language(accepted: str, language: str) -> None:
    assert preferred(accepted) == language


def test_values_are_no_patterns() -> None:
    assert translate("zh", "{name} is a friend now", name="{x}") == "{x} 成为了好友"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("小灰😄", "小灰😄"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("\u2066a\u2069\u200fb", "ab"),
        ("one\ntwo\ta\x00b\x1b[31m", "one\ntwo\tab[31m"),
        ("👨\u200d👩", "👨\u200d👩"),
    ],
)
def test_texts_of_others(written: str, read: str) -> None:
    assert plain(written) == read


@pytest.mark.parametrize(
    ("count", "read"),
    [("0", "0 B"), (999, "999 B"), ("1500", "1.5 kB"), (25_000_000, "25 MB"), ("x", "0 B")],
)
def test_sizes(count: object, read: str) -> None:
    assert filters.size(count) == read


def test_initials_and_addresses() -> None:
    assert filters.initial("😄阳光") == "阳"
    assert filters.initial("") == "·"
    assert filters.without_password("http://me:secret@bot/x?y=1") == "http://bot/x?y=1"
