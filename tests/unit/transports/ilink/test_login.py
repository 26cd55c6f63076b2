"""Logins: every state of a code, whom they belong to, and what is saved when."""

import asyncio

import pytest
from aiohttp import web
from msgspec.structs import replace

from openwx.domain.chat_ref import Identity
from openwx.domain.events import (
    ContactsLoaded,
    LoggedIn,
    QRCodeExpired,
    QRCodeShown,
    State,
    StateChanged,
)
from openwx.errors import CallerError, NotLoggedIn, SessionEnded
from openwx.reasons import ReasonCode
from openwx.transports.ilink.hosts import Hosts
from openwx.transports.ilink.session import Session

from .fake import PERSON, Fake
from .running import Case, code_of, eventually, identity_of, is_usable

ANOTHER = "o9cq80Xyz@im.wechat"


async def test_a_login_from_the_code_to_running(case: Case, fake: Fake) -> None:
    async with case.started() as transport:
        assert transport.standing.state is State.INIT
        assert (transport.identity, transport.owner_id) == (None, None)
        with pytest.raises(NotLoggedIn):
            await transport.send_text(PERSON, "too early", "1")
        code = await fake.scanned()
        await case.inbox.enters(State.SCANING)
        (shown,) = [event for event in case.inbox.events if isinstance(event, QRCodeShown)]
        assert shown == QRCodeShown("code-1", "https://liteapp.weixin.qq.com/q/code-1")
        await fake.says_of(code, "scaned")
        await case.inbox.enters(State.CONFIRMING)
        assert code_of(transport) is ReasonCode.SCANNED
        bot = await fake.confirms()
        await case.inbox.enters(State.RUNNING)
        assert case.inbox.states == [
            State.LOADING, State.SCANING, State.CONFIRMING, State.UPDATING, State.RUNNING,
        ]  # fmt: skip
        assert identity_of(transport) == Identity(PERSON, bot.id)
        assert transport.owner_id == PERSON
        assert transport.contacts.user.id == transport.contacts.user.uid == PERSON
        assert [e.ids_changed for e in case.inbox.events if isinstance(e, LoggedIn)] == [True]
        assert [e for e in case.inbox.events if isinstance(e, ContactsLoaded)]
        assert is_usable(transport)
        await fake.until(lambda: "getupdates" in [name for name, _ in fake.calls])
    assert fake.calls[0] == ("get_bot_qrcode", {"local_token_list": []})
    assert fake.calls[-1][0] == "notifystop"


async def test_a_login_is_saved_before_anything_is_done_with_it(case: Case, fake: Fake) -> None:
    async with case.started():
        await fake.scanned()
        await case.inbox.enters(State.SCANING)
        case.inbox.open.clear()
        await fake.confirms()
        await case.inbox.until(lambda: "session" in case.inbox.batches[-1].state)
        assert [name for name, _ in fake.calls][-1] == "get_qrcode_status"
    case.inbox.open.set()
    case.inbox.save(case.inbox.batches[-1])
    case.inbox.batches.clear()
    async with case.started():
        await case.inbox.enters(State.RUNNING)
        # It is the login of that scan, which nobody was told of yet.
        assert [e.ids_changed for e in case.inbox.events if isinstance(e, LoggedIn)] == [True]
    case.inbox.batches.clear()
    async with case.started():
        await case.inbox.enters(State.RUNNING)
        assert [e.ids_changed for e in case.inbox.events if isinstance(e, LoggedIn)] == [False]
        assert State.SCANING not in case.inbox.states
    assert len(fake.codes) == 1


async def test_codes_are_renewed_without_end(case: Case, fake: Fake) -> None:
    async with case.started():
        for count in range(1, 7):
            await fake.says_of(await fake.scanned(count), "expired")
        await fake.confirms(7)
        await case.inbox.enters(State.RUNNING)
    assert len([e for e in case.inbox.events if isinstance(e, QRCodeExpired)]) == 6
    assert len([e for e in case.inbox.events if isinstance(e, QRCodeShown)]) == 7


async def test_a_code_that_nobody_ends_is_renewed_in_its_time(case: Case, fake: Fake) -> None:
    case.pace = replace(case.pace, qrcode_lives_s=0.05)
    async with case.started():
        await fake.scanned(2)
        await case.inbox.until(lambda: QRCodeExpired() in case.inbox.events)


async def test_another_data_centre_is_followed(case: Case, fake: Fake) -> None:
    async with case.started() as transport:
        code = await fake.scanned()
        await fake.says_of(code, "scaned_but_redirect", redirect_host="sh.ilinkai.weixin.qq.com")
        await case.inbox.enters(State.CONFIRMING)
        await fake.confirms()
        await case.inbox.enters(State.RUNNING)
        assert is_usable(transport)


async def test_a_redirect_to_a_stranger_is_not_followed(
    case: Case, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def at(_: Hosts, host: str) -> None:
        """Return nothing, as for a stranger without a ``base_url``, which stands for every host."""
        assert host == "weixin.qq.com.evil.example"

    monkeypatch.setattr(Hosts, "at", at)
    async with case.started() as transport:
        code = await fake.scanned()
        await fake.says_of(code, "scaned_but_redirect", redirect_host="weixin.qq.com.evil.example")
        await eventually(lambda: code_of(transport) is ReasonCode.LOGIN_FAILED)
        await fake.scanned(2)


async def test_the_digits_of_the_phone(case: Case, fake: Fake) -> None:
    async with case.started() as transport:
        with pytest.raises(CallerError) as caught:
            await transport.verify_code("123456")
        assert caught.value.code == 101
        code = await fake.scanned()
        code.digits = "123456"
        await fake.says_of(code, "need_verifycode")
        await case.inbox.enters(State.CONFIRMING)
        assert code_of(transport) is ReasonCode.NEED_VERIFY_CODE
        with pytest.raises(CallerError) as caught:
            await transport.verify_code("12 a")
        assert caught.value.code == -2
        assert await transport.verify_code("111111") is False
        assert code_of(transport) is ReasonCode.NEED_VERIFY_CODE
        assert await transport.verify_code(" 123456 ") is True
        assert code_of(transport) is ReasonCode.SCANNED
        with pytest.raises(CallerError) as caught:
            await transport.verify_code("123456")
        assert caught.value.code == 101
        await fake.confirms()
        await case.inbox.enters(State.RUNNING)


async def test_a_verdict_whose_answer_is_lost_is_asked_for_again(case: Case, fake: Fake) -> None:
    async with case.started() as transport:
        code = await fake.scanned()
        code.digits = "123456"
        await fake.says_of(code, "need_verifycode")
        await case.inbox.enters(State.CONFIRMING)
        fake.drops("get_qrcode_status")
        fake.says("get_qrcode_status", "bad gateway", status=502)
        fake.says("get_qrcode_status", {"status": "wait"})
        assert await transport.verify_code("123456") is True


async def test_too_many_wrong_digits_bring_a_new_code(case: Case, fake: Fake) -> None:
    async with case.started() as transport:
        code = await fake.scanned()
        code.digits = "123456"
        await fake.says_of(code, "need_verifycode")
        await case.inbox.enters(State.CONFIRMING)
        verdicts = [await transport.verify_code("1") for _ in range(3)]
        assert verdicts == [False, False, False]
        await fake.scanned(2)
        await case.inbox.enters(State.SCANING, 2)
        assert code_of(transport) is ReasonCode.VERIFY_CODE_BLOCKED
        with pytest.raises(CallerError):
            await transport.verify_code("123456")
        await fake.confirms(2)
        await case.inbox.enters(State.RUNNING)


async def test_digits_for_a_code_that_expires_get_an_answer(case: Case, fake: Fake) -> None:
    async with case.started() as transport:
        code = await fake.scanned()
        code.digits = "123456"
        await fake.says_of(code, "need_verifycode")
        await case.inbox.enters(State.CONFIRMING)
        fake.says("get_qrcode_status", {"status": "expired"})
        with pytest.raises(CallerError, match="is over"):
            await transport.verify_code("123456")
        await fake.scanned(2)


async def test_the_wait_for_digits_ends_with_the_code(case: Case, fake: Fake) -> None:
    case.pace = replace(case.pace, qrcode_lives_s=2.0)
    async with case.started() as transport:
        code = await fake.scanned()
        code.digits = "1"
        await fake.says_of(code, "need_verifycode")
        await case.inbox.enters(State.CONFIRMING)
        await fake.scanned(2)
        await eventually(lambda: code_of(transport) is ReasonCode.WAITING_FOR_SCAN)


async def test_an_unknown_status_is_waited_out(
    case: Case, fake: Fake, caplog: pytest.LogCaptureFixture
) -> None:
    async with case.started():
        code = await fake.scanned()
        fake.says("get_qrcode_status", {"status": "dancing"}, {"status": 7}, {}, {"ret": None})
        fake.drops("get_qrcode_status")
        fake.says("get_qrcode_status", "", status=524)
        await fake.until(lambda: not fake._faults["get_qrcode_status"])
        await fake.says_of(code, "scaned")
        await case.inbox.enters(State.CONFIRMING)
    assert "dancing" in caplog.text
    assert len(fake.codes) == 1


@pytest.mark.parametrize("gap", ["bot_token", "ilink_bot_id", "ilink_user_id"])
async def test_a_login_without_its_parts_has_failed(case: Case, fake: Fake, gap: str) -> None:
    async with case.started() as transport:
        code = await fake.scanned()
        login = fake.new_bot().login
        await fake.says_of(code, **{**login, gap: None})
        await eventually(lambda: code_of(transport) is ReasonCode.LOGIN_FAILED)
        await fake.confirms(2)
        await case.inbox.enters(State.RUNNING)
        assert transport.standing.trouble is None


@pytest.mark.parametrize(
    "answer", [{}, {"qrcode": "x"}, {"qrcode": "a b", "qrcode_img_content": "x"}, {"ret": -9}, b"\xff", "null", "[]"]
)  # fmt: skip
async def test_a_code_that_is_none_is_asked_for_again(
    case: Case, fake: Fake, answer: object
) -> None:
    fake.says("get_bot_qrcode", answer)
    fake.drops("get_bot_qrcode")
    async with case.started() as transport:
        await eventually(lambda: code_of(transport) is ReasonCode.LOGIN_FAILED)
        await fake.confirms()
        await case.inbox.enters(State.RUNNING)


async def test_a_stale_token_brings_a_new_code_and_the_person_stays(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (transport, bot):
        await fake.writes(bot, "hello")
        await case.inbox.gets(1)
        friend = transport.contacts.find_friend(id=PERSON)
        await case.inbox.until(lambda: "people" in case.inbox.saved)
        await fake.until(lambda: bot.acknowledged == 1)
        case.inbox.batches.clear()
        polls = len([name for name, _ in fake.calls if name == "getupdates"])
        bot.is_alive = False
        await fake.note()
        await case.inbox.enters(State.LOADING)
        change = next(change for change in case.inbox.changes if change.new is State.LOADING)
        assert change.reason.code is ReasonCode.SESSION_ENDED
        assert change.reason.ret == -14
        assert not is_usable(transport)
        assert identity_of(transport) is None
        ended = transport.standing.session_end
        assert isinstance(ended, SessionEnded)
        # One notifystart, one more poll, then no more of either.
        names = [name for name, _ in fake.calls]
        assert names.count("getupdates") == polls + 1
        assert names.count("notifystart") == 2
        await fake.scanned(2)
        asked = [body for name, body in fake.calls if name == "get_bot_qrcode"]
        assert asked == [{"local_token_list": []}, {"local_token_list": [bot.token]}]
        again = await fake.confirms(2)
        await case.inbox.enters(State.RUNNING)
        assert identity_of(transport) == Identity(PERSON, again.id)
        assert ended not in (transport.standing.session_end, transport.standing.trouble)
        assert transport.contacts.find_friend(id=PERSON) == friend
        await fake.until(lambda: fake.calls[-1][0] == "getupdates")
        assert fake.calls[-1][1]["get_updates_buf"] == ""
        assert [(one.id, one.sends_left) for one in transport.budgets] == [(PERSON, 0)]


async def test_a_token_that_is_known_after_all_is_used_on(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (transport, bot):
        await fake.until(lambda: fake.calls[-1][0] == "getupdates")
        fake.says("getupdates", {"ret": -14})
        await fake.writes(bot, "wakes the poll that is held")
        await case.inbox.enters(State.UPDATING, 2)
        assert case.inbox.changes[-1].reason.code is ReasonCode.TOKEN_DOUBTED
        await fake.writes(bot, "it heals")
        await case.inbox.enters(State.RUNNING, 2)
        await case.inbox.gets(2)
        assert is_usable(transport)
    assert len(fake.codes) == 1


async def test_a_bot_that_is_still_bound_goes_on(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (transport, bot):
        await fake.writes(bot, "one")
        await case.inbox.gets(1)
        fake.strike("getupdates", *[stale] * 2)
        await fake.writes(bot, "two")
        code = await fake.scanned(2)
        await fake.says_of(code, "binded_redirect")
        await case.inbox.enters(State.RUNNING, 2)
        assert identity_of(transport) == Identity(PERSON, bot.id)
        await fake.writes(bot, "three")
        assert [message.content for message in await case.inbox.gets(3)] == ["one", "two", "three"]
        assert [e.ids_changed for e in case.inbox.events if isinstance(e, LoggedIn)] == [
            True,
            False,
        ]


async def stale(_: web.Request, __: object) -> web.StreamResponse:
    return web.json_response({"ret": -14})


async def test_somebody_elses_bot_cannot_be_bound_to_nothing(case: Case, fake: Fake) -> None:
    async with case.started() as transport:
        await fake.says_of(await fake.scanned(), "binded_redirect")
        await eventually(lambda: code_of(transport) is ReasonCode.LOGIN_FAILED)


async def test_another_persons_scan_is_refused(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (transport, bot):
        bot.is_alive = False
        await fake.note()
        stranger = await fake.confirms(2, ANOTHER)
        await fake.scanned(3)
        await case.inbox.enters(State.SCANING, 3)
        assert code_of(transport) is ReasonCode.SCANNED_BY_ANOTHER
        assert PERSON in transport.standing.reason.text
        assert identity_of(transport) is None
        assert stranger.token.encode() not in b"".join(case.inbox.saved.values())
        assert transport.owner_id == PERSON
    case.inbox.batches.clear()
    async with case.started() as transport:  # a restart changes nothing in that
        await fake.confirms(4, ANOTHER)
        await fake.confirms(5)
        await case.inbox.enters(State.RUNNING)
        assert transport.owner_id == PERSON


async def test_a_log_out_forgets_and_says_so(
    case: Case, fake: Fake, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    transport = case.create()
    assert await transport.log_out({}) == {}
    await transport.close()
    async with case.logged_in() as (_, bot):
        await fake.writes(bot, "hello")
        await case.inbox.gets(1)
    count = len(fake.calls)
    transport = case.create()
    forgotten = await transport.log_out(case.inbox.saved)
    await transport.close()
    assert forgotten == dict.fromkeys(case.inbox.saved, None)
    assert len(fake.calls) == count
    assert "no log-out" in caplog.text
    case.inbox.saved.clear()
    case.inbox.batches.clear()
    async with case.started() as transport:
        await fake.confirms(2, ANOTHER)
        await case.inbox.enters(State.RUNNING)
        assert transport.owner_id == ANOTHER
        assert not transport.contacts.friends


async def test_saved_state_that_cannot_be_read_is_no_end(case: Case, fake: Fake) -> None:
    names = ("session", "cursor", "budgets", "people", "repeats", "keys")
    case.inbox.saved = dict.fromkeys(names, b"\x00{")
    async with case.logged_in() as (transport, _):
        assert transport.owner_id == PERSON
    case.inbox.saved |= dict.fromkeys(names[1:], b"[1]")
    case.inbox.batches.clear()
    async with case.started():
        await case.inbox.enters(State.RUNNING)


async def test_a_stop_is_told_and_waits_for_nobody(case: Case, fake: Fake) -> None:
    case.pace = replace(case.pace, finish_s=0.1)
    never = asyncio.Event()

    async def hangs(_: object, __: object) -> None:
        await never.wait()

    async with case.logged_in():
        fake.strike("notifystop", hangs)
    assert fake.calls[-1][0] == "notifystop"


async def test_sessions_are_saved_whole(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (_, bot):
        pass
    session = Session.from_bytes(case.inbox.saved["session"])
    assert (session.token, session.bot_id, session.person_id) == (bot.token, bot.id, PERSON)
    assert session.published
    assert not session.ended
    assert session.origin == fake.url


async def test_a_saved_login_goes_where_the_settings_say(case: Case, fake: Fake) -> None:
    async with case.logged_in():
        pass
    session = Session.from_bytes(case.inbox.saved["session"])
    case.inbox.saved["session"] = replace(session, origin="http://127.0.0.1:1").to_bytes()
    async with case.started():
        await case.inbox.enters(State.RUNNING, 2)
    assert fake.calls[-1][0] == "notifystop"


async def test_every_change_of_state_begins_where_the_last_ended(case: Case, fake: Fake) -> None:
    async with case.logged_in() as (_, bot):
        bot.is_alive = False
        await fake.note()
        await fake.confirms(2)
        await case.inbox.enters(State.RUNNING, 2)
    changes: list[StateChanged] = case.inbox.changes
    assert [c.old for c in changes[1:]] == [c.new for c in changes[:-1]]
