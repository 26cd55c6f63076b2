"""What the console says, in both languages, and how it shows what others wrote."""

import ast
import re
import string
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import jinja2
import pytest
from jinja2 import nodes

from openwx import console
from openwx.coded import Coded, names_in
from openwx.console import filters
from openwx.console.abilities import ORDER, abilities_of
from openwx.console.delivery_words import CHINESE, in_chinese
from openwx.console.health import StatusView, health_of
from openwx.console.translation import Translator
from openwx.console.wording import (
    KNOWN_RETS,
    Explanation,
    PageError,
    delivery_reason,
    error_reason,
    failure_words,
    property_value,
    ret_words,
)
from openwx.console.words import WORDS
from openwx.domain.contact_book import ContactBook
from openwx.domain.contacts import FRIEND, PUBLIC_ACCOUNT, SYSTEM_ACCOUNT, User
from openwx.domain.events import State
from openwx.errors import (
    BadResponse,
    CallerError,
    Code,
    LoginRefused,
    SessionEnded,
    Unreachable,
    WeChatError,
    refused,
)
from openwx.language import preferred
from openwx.neterrors import NetworkErrorCode
from openwx.reasons import REASON_OF_RET, Reason, ReasonCode, reason
from openwx.reporter import delivery_error
from openwx.reporter.delivery_error import (
    ENGLISH,
    DeliveryErrorCode,
    made,
    too_old,
    written,
)
from openwx.safetext import without_controls
from openwx.store.records import DeliveryStatus, ListedDelivery
from openwx.transports.base import Capability, SendBudget

HERE = Path(console.__file__).parent
EN, ZH = Translator("en"), Translator("zh")
NAMES = (
    "config.toml|login_mode|desktop|docs/zh/limits.md|docs/limits.md|openwx outbox list|openwx|post_event_list|"
    r"iLink|ClawBot|start_client|transport=web|transport = \"(?:ilink|web)\"|"
    r"post_api|media.keep_days|media.max_size|\[report\]|\[access\]|\[\[access\.keys\]\]|token|HTTP|id"
)
"""Names that Chinese sentences have in Latin letters."""


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


class Used:
    """The ids that code and templates name, and the values that they give."""

    def __init__(self) -> None:
        self.ids: dict[str, set[str]] = {}
        self.prefixes: set[str] = set()

    def note(self, id: str, values: set[str]) -> None:
        self.ids.setdefault(id, set()).update(values)


@pytest.fixture(scope="module")
def used() -> Used:
    found = Used()
    for template in HERE.rglob("*.html"):
        tree = jinja2.Environment().parse(template.read_text("utf-8"))
        for call in tree.find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "t":
                values = {keyword.key for keyword in call.kwargs}
                for part in (call.args[0], *call.args[0].find_all(nodes.Const)):
                    if isinstance(part, nodes.Const) and "." in str(part.value):
                        found.note(part.value, values)
            elif isinstance(call.node, nodes.Getattr) and call.node.attr == "of_code":
                found.prefixes.add(cast("nodes.Const", call.args[0]).value)
    for module in HERE.glob("*.py"):
        if module.name != "words.py":
            note_code(ast.parse(module.read_text("utf-8")), found)
    return found


def note_code(tree: ast.Module, found: Used) -> None:
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="t") | ast.Name(id="t"), args=[arg], keywords=kws
            ):
                for part in ast.walk(arg):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        found.note(part.value, {str(one.arg) for one in kws})
            case ast.Call(
                func=ast.Name(id="PageError"), args=[_, ast.Constant(str(id))], keywords=kws
            ):
                found.note(id, {str(one.arg) for one in kws})
            case ast.Call(func=ast.Attribute(attr="of_code"), args=[ast.Constant(str(group)), _]):
                found.prefixes.add(group)
            case ast.Constant(str(text)) if text in WORDS:  # in a table of ids
                found.ids.setdefault(text, set())


def test_every_id_that_is_used_exists(used: Used) -> None:
    assert len(used.ids) > 100
    unknown = {id for id in used.ids if id not in WORDS and "." in id and not id.endswith(".")}
    # The beginnings of ids that are completed by a code, and their ends.
    assert unknown <= {".advice"}


def test_every_id_is_used(used: Used) -> None:
    by_code = tuple(f"{group}." for group in {*used.prefixes, "ret"})
    assert not [
        id
        for id in WORDS
        if not {id, id.removesuffix(".advice")} & used.ids.keys() and not id.startswith(by_code)
    ]


def test_every_sentence_gets_its_values(used: Used) -> None:
    for id, given in used.ids.items():
        if id in WORDS and given:
            assert given == placeholders(WORDS[id][0]), id
    for id in WORDS:
        if placeholders(WORDS[id][0]):
            assert used.ids.get(id) or id == "ret.other", f"{id} is used without its values"


@pytest.mark.parametrize("id", WORDS)
def test_both_languages_say_the_same(id: str) -> None:
    english, chinese = WORDS[id]
    assert placeholders(english) == placeholders(chinese)
    assert not re.search("[\u3000-\u9fff]", english), "no Chinese in English"
    rest = re.sub(r"\{\w+\}", "", re.sub(NAMES, "", chinese))
    assert not re.search("[A-Za-z]", rest), "no English in Chinese"
    assert "帐号" not in chinese, "WeChat spells it 账号"


def test_every_code_has_words() -> None:
    for state in State:
        assert f"state.{state}" in WORDS
    assert REASON_OF_RET.keys() <= KNOWN_RETS
    for ret in KNOWN_RETS:
        assert str(ret) in ret_words(ret, ZH)
        assert ret_words(ret, EN) != EN("ret.other", ret=ret)
    for category in (FRIEND, PUBLIC_ACCOUNT, SYSTEM_ACCOUNT):
        assert re.fullmatch("[a-z ]+", property_value("category", category, EN))
    assert "1999" in ret_words(1999, ZH)


ENGLISH_TEXT = "the queue is full of English words"


def chinese_only(text: str) -> bool:
    return bool(text) and not re.search("[A-Za-z]", re.sub(NAMES, "", text))


@pytest.mark.parametrize("code", [*Code, 1203, 1999])
@pytest.mark.parametrize("http_status", [None, 408, 413, 503, 504])
def test_errors_of_calls_are_worded_by_their_codes(code: int, http_status: int | None) -> None:
    error = CallerError(code, ENGLISH_TEXT, http_status=http_status)
    reason = error_reason(error, ZH)
    assert chinese_only(reason.words)
    assert reason.detail == ENGLISH_TEXT
    assert ENGLISH_TEXT not in error_reason(error, EN).words
    assert chinese_only(failure_words(code, ZH))


def test_errors_of_pages_are_sentences_with_values() -> None:
    error = PageError(Code.NOT_FOUND, "error.no_account", name="{x}")
    assert error_reason(error, ZH).words == "没有名为 {x} 的账号。"
    assert error_reason(error, EN).words == "There is no account named {x}."


@pytest.mark.parametrize(
    ("error", "english", "chinese"),
    [
        pytest.param(*one, id=one[0].code)
        for one in (
            (
                Coded(
                    NetworkErrorCode.NOT_CONNECTED,
                    {"host": "bot", "port": 5000, "cause": "ECONNREFUSED"},
                ),
                "cannot connect to bot:5000: connection refused",
                "无法连接 bot:5000：连接被拒绝",
            ),
            (made(DeliveryErrorCode.HTTP_STATUS, status=500), "HTTP 500", "应答了 HTTP 500"),
            (
                too_old(made(DeliveryErrorCode.NOT_ANSWERED_WITHIN, seconds="3")),
                "older than max_age: no answer within 3 s",
                "超过了 max_age；最后一次的错误：3 秒内没有应答",
            ),
        )
    ],
)
def test_errors_of_deliveries_are_worded_in_both_languages(
    error: Coded, english: str, chinese: str
) -> None:
    delivery = a_delivery(written(error))
    assert delivery_reason(delivery, EN) == Explanation(english)
    assert delivery_reason(delivery, ZH) == Explanation(chinese)


def test_the_error_of_a_former_version_is_shown_as_it_is() -> None:
    delivery = a_delivery("HTTP 302 to elsewhere")
    assert delivery_reason(delivery, EN) == Explanation("HTTP 302 to elsewhere")
    assert delivery_reason(delivery, ZH) == Explanation("没有送达", "HTTP 302 to elsewhere")


def test_every_error_of_a_delivery_has_a_chinese_wording() -> None:
    assert CHINESE.keys() == ENGLISH.keys() == {*NetworkErrorCode, *DeliveryErrorCode}
    for code, pieces in CHINESE.items():
        assert names_in(pieces) <= delivery_error.names_of(code)
        values = {name: f"<{name}>" for name in names_in(pieces)} | {"cause": "ECONNRESET"}
        words = in_chinese(Coded(code, values))
        assert all(f"<{name}>" in words for name in names_in(pieces) - {"cause"})
        assert ("重置" in words) == ("cause" in names_in(pieces))


def a_delivery(error: str) -> ListedDelivery:
    return ListedDelivery(
        id=1, target="log", chat="c", kind="receive_message", uid="", created=0.0, ended=1.0,
        tries=1, http_status=0, error=error, status=DeliveryStatus.FAILED,
    )  # fmt: skip


def account(state: State, **more: Any) -> Any:
    base = {"is_running": False, "trouble": None, "session_end": None, "stop_requested": False}
    wanted = ReasonCode.NEED_VERIFY_CODE if more.pop("digits", False) else ReasonCode.SCANNED
    way = {"reason": reason(wanted), "transport_kind": "web", "login_mode": "web"}
    values = base | way | {"state": state, "qrcode_png": None} | more
    return SimpleNamespace(**values)


def sentences(health: StatusView) -> list[str]:
    words = [health.headline, health.advice, health.reason.words if health.reason else ""]
    return [one for one in (*words, *health.helps) if one]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize(
    "trouble",
    [
        None,
        Unreachable("jslogin", ENGLISH_TEXT),
        BadResponse("jslogin", ENGLISH_TEXT),
        refused("webwxgetcontact", 1205),
        LoginRefused("webwxnewloginpage", 1203, "不能登录"),
        LoginRefused("webwxnewloginpage", -999, "不能登录"),
    ],
)
@pytest.mark.parametrize("session_end", [None, SessionEnded("synccheck", 1101)])
@pytest.mark.parametrize("digits", [False, True])
def test_every_state_is_whole_in_either_language(
    state: State, trouble: WeChatError | None, session_end: SessionEnded | None, digits: bool
) -> None:
    one = account(state, trouble=trouble, session_end=session_end, digits=digits)
    for wanted in (True, False):
        for stopping in (True, False):
            health = health_of(one, ZH, wanted=wanted, stopping=stopping)
            assert all(map(chinese_only, sentences(health))), sentences(health)
            health = health_of(one, EN, wanted=wanted, stopping=stopping)
            assert not re.search("[\u4e00-\u9fff]", " ".join(sentences(health)))
            assert health.digits == (digits and not stopping and state is State.CONFIRMING)


@pytest.mark.parametrize(
    ("why", "words"),
    [
        (reason(ReasonCode.SCANNED_BY_ANOTHER, person="o9@im.wechat"), "扫码的是另一个人"),
        (reason(ReasonCode.VERIFY_CODE_BLOCKED), "数字输错次数过多"),
    ],
)
def test_why_another_scan_is_needed(why: Reason, words: str) -> None:
    one = account(State.SCANING, reason=why)
    health = health_of(one, ZH, wanted=True, stopping=False)
    assert health.scans
    assert health.reason is not None
    assert health.reason.words.startswith(words)
    assert health.reason.detail == why.text


@pytest.mark.parametrize(
    ("state", "code", "headline"),
    [
        (State.UPDATING, ReasonCode.PAUSED, "已暂停：本进程没有租约"),
        (State.SCANING, ReasonCode.PAUSED, "已暂停：本进程没有租约"),
        (State.STOP, ReasonCode.ABANDONED, "由另一个进程运行"),
        (State.STOP, ReasonCode.HANDED_OVER, "由另一个进程运行"),
    ],
)
def test_an_account_that_another_process_may_have(
    state: State, code: ReasonCode, headline: str
) -> None:
    one = account(state, reason=reason(code), trouble=Unreachable("synccheck", ENGLISH_TEXT))
    health = health_of(one, ZH, wanted=True, stopping=False)
    assert health.headline == headline
    assert all(map(chinese_only, sentences(health)))
    assert health.tone != "bad"
    assert not health.scans
    assert not health.start


def test_why_a_bot_is_read_by_another_program() -> None:
    why = reason(ReasonCode.SECOND_POLLER, seconds="60")
    one = account(State.UPDATING, reason=why, trouble=refused("getupdates", 403))
    health = health_of(one, EN, wanted=True, stopping=False)
    assert health.reason is not None
    assert "Another program receives" in health.reason.words


@pytest.mark.parametrize(("left", "until", "shown"), [(3, 60, 3), (0, 60, 0), (3, -1, 0)])
def test_a_budget_ends_with_its_time(left: int, until: float, shown: int) -> None:
    budget = SendBudget("o9@im.wechat", left, time.time() + until)
    book = ContactBook(User(id="@me"))
    one = SimpleNamespace(capabilities=frozenset(), budgets=[budget], contacts=book)
    (seen,) = abilities_of(cast("Any", one), EN).budgets
    assert (seen.name, seen.left) == ("o9@im.wechat", shown)


def test_every_ability_is_named() -> None:
    assert set(ORDER) == set(Capability)
    for one in Capability:
        assert EN.of_code("can", one) != one


def test_an_unknown_id_or_a_missing_value_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        EN("There is no such id")
    with pytest.raises(KeyError):
        EN("error.no_account")


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
    assert ZH("event.new_friend", name="{x}") == "{x} 成为了好友"


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
    assert without_controls(written) == read


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
