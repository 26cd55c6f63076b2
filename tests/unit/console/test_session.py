"""Sessions end, and guessing is slow."""

from typing import TYPE_CHECKING, Any, cast

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from openwx.api.access import Access
from openwx.api.callers import ANYBODY, Caller, Scope
from openwx.config import AccessSettings
from openwx.console.session import LIFETIME_S, MOST_SESSIONS, Sessions, own_sessions

if TYPE_CHECKING:
    from multidict import CIMultiDict


READER = Caller("reader", Scope.READ, frozenset({"work"}))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def asking(cookie: str = "") -> web.Request:
    headers = {"Cookie": f"openwx_console_3000={cookie}"} if cookie else {}
    return make_mocked_request("GET", "/console", headers=cast("CIMultiDict[str]", headers))


async def logs_in(sessions: Sessions) -> str:
    response = web.Response()
    await sessions.begin(asking(), response, READER)
    return response.cookies["openwx_console_3000"].value


def sessions_of(clock: Clock, **access: Any) -> Sessions:
    return own_sessions(Access(AccessSettings(**access)), lambda: 3000, clock)


async def test_a_session_ends_in_time() -> None:
    clock = Clock()
    sessions = sessions_of(clock, token="t")
    request = asking(await logs_in(sessions))
    clock.now += LIFETIME_S - 1
    assert await sessions.caller(request) == READER
    clock.now += 1
    assert not await sessions.caller(request)


async def test_the_oldest_of_too_many_sessions_ends() -> None:
    sessions = sessions_of(Clock(), token="t")
    cookies = [await logs_in(sessions) for _ in range(MOST_SESSIONS + 1)]
    assert not await sessions.caller(asking(cookies[0]))
    assert await sessions.caller(asking(cookies[1]))
    assert await sessions.caller(asking(cookies[-1]))


async def test_nobody_ends_the_sessions_of_others() -> None:
    sessions, response = sessions_of(Clock(), token="t"), web.Response()
    owner = Caller("token")
    await sessions.begin(asking(), response, owner)
    cookie = response.cookies["openwx_console_3000"].value
    for _ in range(MOST_SESSIONS + 1):
        await logs_in(sessions)
    assert await sessions.caller(asking(cookie)) == owner


async def test_without_a_token_nobody_logs_in_but_forms_have_keys() -> None:
    sessions, other = sessions_of(Clock()), sessions_of(Clock())
    assert not sessions.needed
    assert await sessions.caller(asking()) == ANYBODY
    assert sessions.is_form_key(asking(), ANYBODY, sessions.form_key(asking(), ANYBODY))
    assert not other.is_form_key(asking(), ANYBODY, sessions.form_key(asking(), ANYBODY)), (
        "of another process"
    )
