"""Sessions end, and guessing is slow."""

from typing import TYPE_CHECKING, Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from openwx.api.access import Access
from openwx.api.callers import ANYBODY, Caller, Scope
from openwx.config import AccessSettings
from openwx.console.session import (
    LIFETIME_S,
    MOST_SESSIONS,
    Sessions,
    own_sessions,
    shared_sessions,
)
from openwx.store.base import JournalError
from openwx.store.records import Visit

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


class Logins:
    """Implements ``Visits`` as the store that two processes share."""

    def __init__(self) -> None:
        self.began: dict[bytes, Visit] = {}
        self.is_away = False

    async def begin(self, digest: bytes, visit: Visit, lasts_s: float) -> None:
        self.began[digest] = visit

    async def end(self, digest: bytes) -> None:
        self.began.pop(digest, None)

    async def find(self, digest: bytes) -> Visit | None:
        if self.is_away:
            raise JournalError("away")
        return self.began.get(digest)


SECRET = "s" * 32


def shared(logins: Logins, secret: str = SECRET, **access: Any) -> Sessions:
    return shared_sessions(Access(AccessSettings(**access)), logins, secret)


async def logs_in_at(sessions: Sessions) -> web.Request:
    """Log in as the holder of the token; return a request with the cookie."""
    response = web.Response()
    await sessions.begin(asking(), response, Caller("token"))
    ((name, morsel),) = response.cookies.items()
    headers = {"Cookie": f"{name}={morsel.value}"}
    return make_mocked_request("GET", "/console", headers=cast("CIMultiDict[str]", headers))


async def test_nodes_share_sessions_and_keys_of_forms() -> None:
    logins = Logins()
    one, two = shared(logins, token="t"), shared(logins, token="t")
    request = await logs_in_at(one)
    caller = await two.caller(request)
    assert caller == Caller("token")
    assert two.is_form_key(request, caller, one.form_key(request, caller))
    stranger = shared(logins, secret="x" * 32, token="t")
    assert await stranger.caller(request) is None
    assert not stranger.is_form_key(request, caller, one.form_key(request, caller))
    for digest, visit in logins.began.items():
        assert visit.proof != b"t"
        assert len(digest) == 32


async def test_another_token_ends_the_sessions_of_all_nodes() -> None:
    logins = Logins()
    request = await logs_in_at(shared(logins, token="t"))
    assert await shared(logins, token="another").caller(request) is None
    assert await shared(logins, keys=[{"name": "k", "token": "t" * 16}]).caller(request) is None


async def test_a_session_goes_on_while_the_store_is_away() -> None:
    logins = Logins()
    one, two = shared(logins, token="t"), shared(logins, token="t")
    request = await logs_in_at(one)
    logins.is_away = True
    assert await one.caller(request)
    with pytest.raises(JournalError):
        await two.caller(request)
