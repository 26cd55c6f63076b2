"""Reasons: every code can be worded, and every place that sets a state gives a code with its parameters."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import openwx
from openwx import reasons
from openwx.api.elsewhere import Whereabouts
from openwx.api.peers.client import Refusing
from openwx.errors import (
    BadResponse,
    LoginRefused,
    ProxyFailed,
    ProxyTrouble,
    RateLimited,
    Rejected,
    SessionEnded,
    Unreachable,
    WeChatError,
)
from openwx.reasons import ENGLISH, PARAMETERS, Reason, ReasonCode, reason

ROOT = Path(openwx.__file__).parent


def calls() -> Iterator[tuple[Path, ast.Call]]:
    """All calls in openwx, with the file that each is in."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield path.relative_to(ROOT), node


def test_every_code_has_a_wording() -> None:
    assert ENGLISH.keys() == PARAMETERS.keys() == set(ReasonCode)
    for code, names in PARAMETERS.items():
        made = reason(code, **{name: f"<{name}>" for name in names})
        assert all(f"<{name}>" in made.text for name in names)
        assert made.text.strip()


def computed() -> Iterator[Reason]:
    """Make every reason whose code is not written where it is made."""
    for trouble in ProxyTrouble:
        yield reasons.of_error(ProxyFailed("x", trouble, "http://proxy", "refused"))
    for ret in (*reasons.REASON_OF_RET, 9):
        why = reasons.of_refusal(LoginRefused("x", ret)).params["why"]
        assert isinstance(why, Reason)
        yield why
    refusals = [kind.code for kind in Refusing.__subclasses__()]
    for silence in (*refusals, ReasonCode.NODE_SILENT, None):
        yield Whereabouts("me", "node", silence=silence).reason


def test_every_code_is_given_with_its_parameters() -> None:
    """A literal code is checked where it stands, also in a line that no test runs; ``reason`` checks all others."""
    found = {made.code for made in computed()}
    for path, call in calls():
        match call:
            case ast.Call(func=ast.Name(id="reason"), args=[ast.Attribute(attr=name)]):
                given = {keyword.arg for keyword in call.keywords}
                assert given == PARAMETERS[ReasonCode[name]], f"{path}:{call.lineno}"
                found.add(ReasonCode[name])
    assert found == set(ReasonCode), "no code is left over"


def test_states_have_checked_reasons() -> None:
    """A ``Reason`` is made by ``reason`` and its like alone, which check the parameters; mypy does the rest."""
    makers = [path for path, call in calls() if ast.unparse(call.func).split(".")[-1] == "Reason"]
    assert makers == [Path("reasons.py")]


def test_wrong_parameters_are_a_bug() -> None:
    with pytest.raises(TypeError, match="stalled takes"):
        reason(ReasonCode.STALLED, seconds=90)


ELSEWHERE = SessionEnded("webwxsync", 1101)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (reasons.of_error(Unreachable("synccheck", "HTTP status 502")), "synccheck: HTTP status 502"),
        (reasons.of_error(BadResponse("webwxsync", "no JSON")), "webwxsync: no JSON"),
        (reasons.of_error(Rejected("webwxinit", 7)), "webwxinit: WeChat answered 7"),
        (reasons.of_error(Rejected("webwxinit", 7, "no")), "webwxinit: WeChat answered 7 (no)"),
        (reasons.of_session_end(ELSEWHERE), "logged in on another web client (1101)"),
        (reasons.of_session_end(SessionEnded("webwxinit", 7, "no")), "webwxinit: WeChat answered 7 (no)"),
        (
            reasons.of_refusal(LoginRefused("x", 1203)),
            "WeChat refused the login: this account may not log in here (1203)",
        ),
        (reasons.of_refusal(LoginRefused("x", 9, "{no}")), "WeChat refused the login: (9) {no}"),
        (
            reason(ReasonCode.STALLED, seconds="90", error=reasons.of_error(RateLimited("webwxsync", 1205))),
            "no sync round has succeeded for 90 seconds: webwxsync: WeChat answered 1205",
        ),
        (
            reason(ReasonCode.LOGIN_FAILED, error=reasons.of_error(Unreachable("jslogin", "refused"))),
            "login failed, trying again: jslogin: refused",
        ),
    ],
)  # fmt: skip
def test_wording(made: Reason, text: str) -> None:
    assert made.text == text


@pytest.mark.parametrize(
    "error",
    [
        Unreachable("a", "b"), BadResponse("a", "b: c"), Rejected("a", 1, "b"), RateLimited("a", 1205), ELSEWHERE,
    ],
)  # fmt: skip
def test_an_error_is_worded_as_it_words_itself(error: WeChatError) -> None:
    assert reasons.of_error(error).text == str(error)


def test_the_cause_follows_the_reason() -> None:
    cause = reasons.of_session_end(ELSEWHERE)
    made = Reason(ReasonCode.WAITING_FOR_SCAN, cause=cause)
    words = "waiting for the QR code to be scanned; WeChat ended the last session: "
    assert made.text == words + "logged in on another web client (1101)"
    assert cause.ret == reasons.of_refusal(LoginRefused("x", 1101)).ret == 1101


def test_the_words_of_a_refusal() -> None:
    assert reasons.refusal_text(LoginRefused("x", 1203, "why")).endswith("(1203) why")
    assert reasons.refusal_text(LoginRefused("x", 5)) == "(5)"
