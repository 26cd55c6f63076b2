"""An account whose process has a lease: paused while that has ended, abandoned when another process has the account,
handed over in order, and taken from the journal."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus

import msgspec
import pytest
from aiohttp import web

from openwx import store
from openwx.api.answers import failure
from openwx.domain.contacts import Friend
from openwx.domain.events import State, Stopped
from openwx.errors import CallerError, Code, LeaseLost
from openwx.reasons import ReasonCode
from openwx.simulator import Account, ClawBot, Fault, Simulator
from openwx.simulator.samples import png
from openwx.store.base import Journal, JournalError
from openwx.transports.base import Batch
from tests.patience import PATIENCE_S, until, until_seen

from .owners import Owner, owner
from .world import Behaviour, PostedReport, Receiver, World, answers, never_answers, says


@pytest.fixture
async def journal(world: World) -> AsyncIterator[Journal]:
    world.data_dir.mkdir(parents=True)
    async with store.open(world.data_dir / "journal.sqlite") as journal:
        yield journal


async def logs_in(one: Owner, world: World) -> None:
    """Log in, and wait until that is reported."""
    await one.reaches(State.SCANING)
    await world.account.phone.logs_in()
    running = ("state_change", ["updating", "running"])
    await world.receiver.until(lambda: running in world.receiver.events())
    await until(lambda: not one.account.waiting.reports)


def shown(one: Owner) -> tuple[State, ReasonCode]:
    """Return the state that is shown, and why."""
    assert not one.account.is_running
    return one.account.state, one.account.reason.code


def is_told_to_come_back(error: BaseException | None) -> bool:
    """Whether a caller gets -4, HTTP 503 and Retry-After 5."""
    if not isinstance(error, CallerError):
        return False
    answer = failure(error)
    return (error.code, answer.status, answer.headers.get("Retry-After")) == (
        Code.NOT_RUNNING,
        HTTPStatus.SERVICE_UNAVAILABLE,
        "5",
    )


def is_unknown(error: BaseException | None) -> bool:
    """Whether a caller is told that the outcome is unknown, HTTP 504."""
    return isinstance(error, CallerError) and (error.http_status, "unknown" in error.status) == (
        HTTPStatus.GATEWAY_TIMEOUT,
        True,
    )


async def error_of(task: "asyncio.Task[object]") -> BaseException | None:
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.wait({task})
    return task.exception()


@pytest.mark.parametrize("is_handed_over", [True, False])
async def test_an_account_ends_although_it_waits_for_the_journal(
    world: World, journal: Journal, monkeypatch: pytest.MonkeyPatch, is_handed_over: bool
) -> None:
    asked = asyncio.Event()

    async def state(_: str) -> dict[str, bytes]:
        asked.set()
        raise JournalError("away")

    monkeypatch.setattr(journal, "state", state)
    async with asyncio.timeout(PATIENCE_S), owner(world, journal, pace={"finish_s": 0.3}) as one:
        await asked.wait()
        end = one.account.hand_over if is_handed_over else one.account.stop
        end()
        await one.ends()
        code = ReasonCode.HANDED_OVER if is_handed_over else ReasonCode.STOPPED_BY_REQUEST
        assert shown(one) == (State.STOP, code)
        assert not one.journal.written


# -- a pause ---------------------------------------------------------------------------------------------


async def test_nothing_is_called_in_a_pause_and_everything_afterwards(
    world: World, journal: Journal, simulator: Simulator, account: Account, receiver: Receiver
) -> None:
    polled = {"poll_api": f"{receiver.url}?poll", "poll_interval": 0.1}
    async with owner(world, journal, report=polled) as one:
        await logs_in(one, world)
        receiver.fails(content="refused once", times=1)
        account.friend("小灰").says("refused once")
        await receiver.get(content="refused once")
        sending = asyncio.create_task(one.account.outgoing.send(one.friend("小灰"), "in the queue"))
        one.pauses()
        account.friend("小灰").says("meanwhile")
        # The sync, the send, the second POST, and the poll of poll_api: nothing else is there to call.
        await one.gate.holds(4)
        called, posted = len(simulator.calls), len(receiver.reports)
        assert one.account.is_paused
        assert shown(one) == (State.UPDATING, ReasonCode.PAUSED)
        with pytest.raises(CallerError) as caught:
            one.account.require_running()
        assert is_told_to_come_back(caught.value)
        assert "no lease" in caught.value.status
        with pytest.raises(CallerError) as caught:
            await one.account.outgoing.send_later([one.friend("小灰")], ["not accepted"])
        assert is_told_to_come_back(caught.value)
        assert (len(simulator.calls), len(receiver.reports)) == (called, posted)
        assert not sending.done()

        receiver.forget()
        one.goes_on()
        await sending
        await receiver.get(content="meanwhile")
        await receiver.gets(1, content="refused once")
        assert one.account.is_running
        assert account.friend("小灰").texts == ["in the queue"]
        assert not receiver.events("state_change", "login")
        assert account.logins == 1
        assert len(simulator.calls_of("webwxinit")) == 1


async def test_a_long_pause_is_no_stall(
    world: World, journal: Journal, account: Account, receiver: Receiver
) -> None:
    """The silence of WeChat means nothing while nobody asks."""
    async with owner(world, journal, pace={"stalled_after_s": 1.0}) as one:
        await logs_in(one, world)
        receiver.forget()
        one.pauses()
        await one.gate.holds(1)
        await until(lambda: (one.account.sync_age_s or 0) > 1.2)
        one.goes_on()
        account.friend("小灰").says("afterwards")
        await receiver.get(content="afterwards")
        assert one.account.is_running
        assert not receiver.events("state_change")


async def test_media_waits_for_the_end_of_a_pause(
    world: World, journal: Journal, simulator: Simulator, account: Account, receiver: Receiver
) -> None:
    """The pause takes nothing from the time that a download may take."""
    async with owner(world, journal, pace={"medium_within_s": 0.2, "call_timeout_s": 0.2}) as one:
        await logs_in(one, world)
        rule = simulator.faults.add("webwxgetmsgimg", Fault.SERVER_ERROR, times=1)
        account.friend("小灰").sends_image(png((1, 2, 3)))
        await rule.strikes()
        one.pauses()
        await one.gate.holds(2)
        await until(lambda: (one.account.sync_age_s or 0) > 1)
        assert one.gate.waiting == 2
        one.goes_on()
        assert (await receiver.get(format="media"))["media_path"]


async def test_callers_of_changes_wait_for_the_end_of_a_pause(
    world: World, journal: Journal, simulator: Simulator, account: Account
) -> None:
    async with owner(world, journal) as one:
        await logs_in(one, world)
        one.pauses()
        await one.gate.holds(1)
        friend = one.friend("小灰")
        changing = asyncio.create_task(one.account.actions.set_markname(friend, "later"))
        await one.gate.holds(2)
        assert not simulator.calls_of("webwxoplog")
        one.goes_on()
        await changing
        assert len(simulator.calls_of("webwxoplog")) == 1


# -- an abandon ------------------------------------------------------------------------------------------


async def test_after_an_abandon_nothing_is_called_or_written(
    world: World,
    journal: Journal,
    simulator: Simulator,
    account: Account,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with owner(world, journal) as one:
        await logs_in(one, world)
        grey, momo = one.friend("小灰"), one.friend("momo")
        sends = simulator.faults.add("webwxsendmsg", Fault.HANG)
        changes = simulator.faults.add("webwxoplog", Fault.HANG)
        out, actions = one.account.outgoing, one.account.actions
        begun = asyncio.create_task(out.send(grey, "begun"))
        await sends.strikes()
        queued = asyncio.create_task(out.send(grey, "behind it"))
        changing = asyncio.create_task(actions.set_markname(grey, "begun"))
        await changes.strikes()
        waiting = asyncio.create_task(actions.set_markname(grey, "behind it"))
        receiver.behaves(never_answers(), content="unanswered")
        account.friend("momo").says("unanswered")
        await receiver.get(content="unanswered")
        await out.send_once("key", "asked", lambda: kept(momo, "kept"))
        keyed = asyncio.create_task(out.keys.outcomes("key"))
        await until(lambda: sends.hits == 2)
        await until(lambda: len(out.queue) == 3)

        one.gate.close()
        await one.ends()
        called, posted, written = (
            len(simulator.calls),
            len(receiver.reports),
            len(one.journal.written),
        )
        assert is_unknown(await error_of(begun))
        assert is_told_to_come_back(await error_of(queued))
        assert is_unknown(await error_of(changing))
        assert isinstance(await error_of(waiting), LeaseLost)
        error = await error_of(keyed)
        assert isinstance(error, CallerError)
        assert "with the same idempotency_key" in error.status
        assert shown(one) == (State.STOP, ReasonCode.ABANDONED)
        for late in (actions.set_markname(momo, "late"), out.send(momo, "late")):
            with pytest.raises((CallerError, LeaseLost)) as caught:
                await late
            assert isinstance(caught.value, LeaseLost) or is_told_to_come_back(caught.value)
        sends.release()
        changes.release()
        account.friend("小灰").says("to the next process")
        assert "nothing more may be done for it" in caplog.text
    assert len(simulator.calls) == called
    assert not [call for call in simulator.calls if call.name == "webwxlogout"]
    assert (len(receiver.reports), len(one.journal.written)) == (posted, written)
    assert account.is_online


async def kept(friend: Friend, text: str) -> tuple[list[Friend], list[str]]:
    """Say what a call with a key sends, and to whom."""
    return [friend], [text]


async def test_an_account_whose_write_was_fenced_is_abandoned(
    world: World, journal: Journal, account: Account, receiver: Receiver
) -> None:
    """A process that slept through it all learns it by its first write."""
    async with owner(world, journal) as one:
        await logs_in(one, world)
        one.journal.fenced = True
        message = account.friend("小灰").says("not acknowledged")
        await one.ends()
        assert not one.gate.is_open
        assert one.account.reason.code is ReasonCode.ABANDONED
        assert not receiver.got(content="not acknowledged")
        async with owner(world, journal) as other:
            await other.reaches(State.RUNNING)
            assert len(await receiver.gets(1, content="not acknowledged")) == 1
            assert message.msg_id in account.handed_out
            assert account.logins == 1


async def test_the_next_term_of_the_same_process_gets_no_writes_of_the_last_one(
    world: World, journal: Journal, account: Account, receiver: Receiver
) -> None:
    """They would wait for the end of that term: nobody delivers them in it."""
    receiver.fails(status=400, content="refused")
    async with owner(world, journal) as one:
        await logs_in(one, world)
        account.friend("小灰").says("refused")
        await until_seen(one.account.outbox.count_failed)
        one.gate.close()
        await one.ends()
        async with owner(world, journal) as other:
            await other.reaches(State.RUNNING)
            for late in (
                one.account.outbox.retry(None),
                one.account.outbox.drop(None),
                one.account.deliver(Batch(events=[Stopped()])),
            ):
                with pytest.raises(LeaseLost):
                    await late
            receiver.behaves_well()
            assert await other.account.outbox.retry(None) == 1
            await receiver.gets(2, content="refused")
            assert not receiver.got(event="stop")


async def test_an_account_that_is_lost_in_a_pause_is_abandoned(
    world: World, journal: Journal, simulator: Simulator, account: Account
) -> None:
    async with owner(world, journal) as one:
        await logs_in(one, world)
        one.pauses()
        sending = asyncio.create_task(one.account.outgoing.send(one.friend("小灰"), "never"))
        await one.gate.holds(2)
        one.gate.close()
        await one.ends()
        assert is_told_to_come_back(await error_of(sending))
        assert not simulator.calls_of("webwxsendmsg")


async def test_an_account_that_is_lost_while_it_starts_is_abandoned(
    world: World, journal: Journal, simulator: Simulator, account: Account
) -> None:
    async with owner(world, journal) as one:
        await one.reaches(State.SCANING)
        one.gate.close()
        await one.ends()
        assert one.account.state is State.STOP
    assert account.logins == 0


# -- a hand-over, and a take -----------------------------------------------------------------------------


async def test_a_hand_over_loses_and_repeats_nothing(
    world: World, journal: Journal, simulator: Simulator, account: Account, receiver: Receiver
) -> None:
    grey, momo = account.friend("小灰"), account.friend("momo")
    async with owner(world, journal, pace={"finish_s": PATIENCE_S}) as one:
        await logs_in(one, world)
        # A POST under way, one behind it, and one that is refused until the account is elsewhere.
        answered = asyncio.Event()
        receiver.behaves(after(answered), content="slow")
        receiver.fails(content="not now")
        grey.says("slow")
        grey.says("behind it")
        momo.says("not now")
        await receiver.get(content="slow")
        await receiver.get(content="not now")
        # A send under way, one accepted behind it, and media that cannot be fetched yet.
        sends = simulator.faults.add("webwxsendmsg", Fault.HANG, times=1)
        out = one.account.outgoing
        begun = asyncio.create_task(out.send(one.friend("小灰"), "under way"))
        await sends.strikes()
        await out.send_once("key", "asked", lambda: kept(one.friend("小灰"), "accepted"))
        fetches = simulator.faults.add("webwxgetmsgimg", Fault.SERVER_ERROR)
        account.friend("阳光😄宝贝").sends_image(png((1, 2, 3)))
        await fetches.strikes()

        one.account.hand_over()
        with pytest.raises(CallerError) as caught:
            one.account.require_running()
        assert is_told_to_come_back(caught.value)
        sends.release()
        await begun
        await until(lambda: one.account.state is State.STOP)
        assert not one.task.done()
        answered.set()
        await one.ends()
        assert one.account.reason.code is ReasonCode.HANDED_OVER
        written = len(one.journal.written)
        assert account.is_online
    receiver.behaves_well()
    simulator.faults.clear()
    assert not receiver.events("stop")
    assert ("state_change", ["running", "stop"]) not in receiver.events()
    assert len(one.journal.written) == written

    async with owner(world, journal) as other:
        await other.reaches(State.RUNNING)
        outcomes = await other.account.outgoing.keys.outcomes("key")
        assert [outcome.code for outcome in outcomes] == [0]
        await receiver.get(content="behind it")
        await receiver.get(format="media")
        await receiver.get(content="accepted")
        await until(lambda: not other.account.waiting.reports)
    assert grey.texts == ["under way", "accepted"]
    ids = [report.webhook_id for report in receiver.answered]
    assert len(ids) == len(set(ids))
    got = [report.json.get("content") for report in receiver.answered]
    assert {"slow", "behind it", "not now", "under way", "accepted"} <= set(got)
    assert got.index("slow") < got.index("behind it")
    assert account.logins == 1


def after(event: asyncio.Event, then: Behaviour | None = None) -> Behaviour:
    """Answer when the event is set."""

    async def answer(report: PostedReport) -> web.StreamResponse:
        await event.wait()
        return await (then or answers())(report)

    return answer


async def test_a_send_that_was_under_way_at_an_abandon_is_one_message(
    world: World, journal: Journal, simulator: Simulator, account: Account, receiver: Receiver
) -> None:
    """The next process sends it again, with its ClientMsgId."""
    async with owner(world, journal) as one:
        await logs_in(one, world)
        lost = simulator.faults.add("webwxsendmsg", Fault.LOSE_ANSWER)
        await one.account.outgoing.send_later([one.friend("小灰")], ["accepted"])
        await lost.strikes()
        one.gate.close()
        await one.ends()
    simulator.faults.clear()
    async with owner(world, journal) as other:
        await other.reaches(State.RUNNING)
        await receiver.get(content="accepted", code=0)
        assert account.friend("小灰").texts == ["accepted"]
        assert not await journal.waiting_sends("default")


# -- over iLink, where a repeated message is shown twice ----------------------------------------------------


async def binds(one: Owner, world: World) -> ClawBot:
    """Log in over iLink; the bot's person writes, so that it may send."""
    await logs_in(one, world)
    person = world.account.clawbot
    person.says("first")
    await world.receiver.get(content="first")
    await person.bot.acknowledges()
    await until(lambda: not one.account.waiting.reports)
    return person


async def test_a_bot_pauses_and_goes_on(
    world: World, journal: Journal, simulator: Simulator, receiver: Receiver
) -> None:
    async with owner(world, journal, transport="ilink") as one:
        person = await binds(one, world)
        receiver.forget()
        one.pauses()
        person.says("meanwhile")
        sending = asyncio.create_task(one.account.outgoing.send(me(one), "in the queue"))
        await one.gate.holds(
            3
        )  # the next poll, the send, and the POST of what the poll under way brought
        called = len(simulator.calls)
        assert shown(one) == (State.UPDATING, ReasonCode.PAUSED)
        assert (len(simulator.calls), len(receiver.reports)) == (called, 0)
        one.goes_on()
        await sending
        await receiver.get(content="meanwhile")
        assert [message.text for message in person.sent] == ["in the queue"]
        assert not receiver.events("state_change", "login")
        assert len(simulator.calls_of("notifystart")) == 1


def me(one: Owner) -> Friend:
    return one.account.contacts.friends[one.account.owner_id or ""]


@pytest.mark.parametrize("fenced", [False, True])
async def test_a_bot_that_is_abandoned_says_no_farewell(
    world: World, journal: Journal, simulator: Simulator, fenced: bool
) -> None:
    """Nor does one that learns it by a write, while its gate is still open."""
    async with owner(world, journal, transport="ilink") as one:
        person = await binds(one, world)
        lost = simulator.faults.add("sendmessage", Fault.HANG)
        await one.account.outgoing.send_later([me(one)], ["under way"])
        await lost.strikes()
        if fenced:
            one.journal.fenced = True
            lost.release()
        else:
            one.gate.close()
        await one.ends()
        called = len(simulator.calls)
    assert not simulator.calls_of("notifystop")
    assert person.bot.notified
    assert len(simulator.calls) == called
    lost.release()
    simulator.faults.clear()
    async with owner(world, journal, transport="ilink") as other:
        await other.reaches(State.RUNNING)
        result = await world.receiver.get(post_type="send_message")
        assert (result["code"], "unknown" in result["info"]) == (-1, True)
        assert len(simulator.calls_of("sendmessage")) == 1


async def test_a_bot_is_handed_over(
    world: World, journal: Journal, receiver: Receiver, simulator: Simulator
) -> None:
    async with owner(world, journal, transport="ilink") as one:
        person = await binds(one, world)
        one.account.hand_over()
        await one.ends()
        assert not receiver.events("stop")
    person.says("to the next process")
    async with owner(world, journal, transport="ilink") as other:
        await other.reaches(State.RUNNING)
        await receiver.get(content="to the next process")
        await other.account.outgoing.send(me(other), "within what is left of the budget")
    assert [message.text for message in person.sent] == ["within what is left of the budget"]
    assert len(receiver.got(content="first")) == 1
    assert receiver.events("login") == [("login", [1]), ("login", [0])]


# -- replies ------------------------------------------------------------------------------------------------


async def test_a_file_of_a_reply_is_fetched_after_a_pause(
    world: World, journal: Journal, account: Account, receiver: Receiver
) -> None:
    """The account fetches it on its own, so that passes the gate, too."""
    async with owner(world, journal) as one:
        await logs_in(one, world)
        answered = asyncio.Event()
        reply = says({"reply": "", "media": f"{receiver.url}?file=1"})
        receiver.behaves(after(answered, reply), content="a file, please")
        account.friend("小灰").says("a file, please")
        await receiver.get(content="a file, please")
        one.pauses()
        answered.set()
        await one.gate.holds(2)
        asked = len(receiver.reports)
        assert not [report for report in receiver.reports if "file" in report.query]
        one.goes_on()
        await receiver.until(lambda: len(receiver.reports) > asked)
        await receiver.until(lambda: [one for one in receiver.reports if "file" in one.query])


# -- check_event --------------------------------------------------------------------------------------------


def listed(one: Owner) -> list[str]:
    """Return the contents of the messages that ``check_event`` returns now."""
    payloads = [msgspec.json.decode(report.body) for report in one.account.buffer.pop_all()]
    return [payload["content"] for payload in payloads if "content" in payload]


@pytest.mark.parametrize("lost", [False, True])
async def test_check_event_goes_on_at_the_next_process(
    world: World, journal: Journal, account: Account, receiver: Receiver, lost: bool
) -> None:
    """After a hand-over without a repetition, also of what a caller left behind; else since the last batch."""
    grey = account.friend("小灰")

    async def hears(*texts: str) -> None:
        for text in texts:
            grey.says(text)
            await receiver.get(content=text)

    async with owner(world, journal) as one:
        await logs_in(one, world)
        await hears("returned")
        assert listed(one) == ["returned"]
        await hears("taken", "taken too")
        left = one.account.buffer.pop_all()
        await hears("unasked for")
        one.account.buffer.push_back(left)
        await hears("newest")
        if lost:
            one.gate.close()
        else:
            one.account.hand_over()
        await one.ends()
    waits = ["taken", "taken too", "unasked for", "newest"]
    async with owner(world, journal) as other:
        await other.reaches(State.RUNNING)
        await hears("at the next")
        assert listed(other) == [*waits, "at the next"]
        other.account.hand_over()
        await other.ends()
    async with owner(world, journal) as third:
        await third.reaches(State.RUNNING)
        await receiver.gets(2, event="login", params=[0])
        assert listed(third) == []


async def test_check_event_begins_anew_where_no_process_shares_the_journal(
    world: World, journal: Journal, account: Account, receiver: Receiver
) -> None:
    async with owner(world, journal, is_shared=False) as one:
        await logs_in(one, world)
        listed(one)
        account.friend("小灰").says("lost to check_event")
        await receiver.get(content="lost to check_event")
    assert "account.check_event" not in await journal.state("default")
    async with owner(world, journal, is_shared=False) as other:
        await other.reaches(State.RUNNING)
        assert listed(other) == []
