"""The sender: attempts, repetitions, and the callers that wait."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from itertools import repeat
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import asdict

from openwx.accounts.outgoing import (
    OutgoingMessage,
    SendResult,
    Sent,
    new_message,
    new_sends_of_reply,
)
from openwx.accounts.publisher import RecordedReport
from openwx.accounts.queue import QueuedMessage
from openwx.accounts.sender import SIDE_BY_SIDE, Sender
from openwx.accounts.status import AccountStatus
from openwx.config import AccountSettings
from openwx.domain.chat_ref import ref_of
from openwx.domain.contact_book import ContactBook
from openwx.domain.contacts import Friend, User
from openwx.domain.events import State
from openwx.errors import (
    CallerError,
    Code,
    LeaseLost,
    NeverReached,
    NotLoggedIn,
    RateLimited,
    Rejected,
    SessionEnded,
    SystemBusy,
    Unreachable,
    refused,
)
from openwx.lease import always_open
from openwx.reporter.answer import BackendAnswer, Reply
from openwx.reporter.clock import Clock
from openwx.store.base import JournalError
from openwx.store.records import Send, WriteBatch
from openwx.timing import Timing
from openwx.transports.ratelimit import RateLimiter
from tests.patience import PATIENCE_S, until

LONG_S = 3600.0
SOON_S = 2.0
"""A caller's patience that begins with a send under way, also on a busy machine."""


def chat(number: int) -> Friend:
    return Friend(id=f"@{number}", name=f"friend {number}", displayname=f"friend {number}")


TO = chat(1)


def message(content: str, *, bulk: bool = False, to: Friend = TO) -> OutgoingMessage:
    return new_message(ref_of(to, None), content, bulk=bulk)


def no_pause() -> Iterator[float]:
    return repeat(0.0)


class Pauses(Timing, frozen=True, kw_only=True):
    """Given pauses between attempts."""

    between: Callable[[], Iterator[float]] = no_pause

    def backoff(self) -> Iterator[float]:
        return self.between()


class Journal:
    """Takes everything, until it ``breaks``."""

    def __init__(self) -> None:
        self.trouble = ""
        self.written: list[WriteBatch] = []
        self._works, self._fails = asyncio.Event(), asyncio.Event()
        self._works.set()

    def breaks(self) -> None:
        self.trouble = "the disk is full"
        self._works.clear()
        self._fails.set()

    def works(self) -> None:
        self.trouble = ""
        self._fails.clear()
        self._works.set()

    async def write(self, batch: WriteBatch) -> None:
        self.require_writable()
        self.written.append(batch)

    def require_writable(self) -> None:
        if self.trouble:
            raise JournalError(self.trouble)

    async def until_writable(self) -> bool:
        await self._works.wait()
        return True

    async def until_failing(self) -> JournalError:
        await self._fails.wait()
        return JournalError(self.trouble)


class Files:
    """Files that no other node needs."""

    is_shared = False

    def __init__(self) -> None:
        self.on_keep: Callable[[], None] = lambda: None

    @property
    def keeper(self) -> "Files":
        return self

    def naming(self, attachments: object) -> AbstractContextManager[None]:
        return nullcontext()

    async def keep(self, attachments: object) -> None:
        """Leave them where they are."""
        self.on_keep()


class WeChat:
    """A WeChat that fails as given, then accepts everything. Also the sender's transport and recorder."""

    identity = None
    is_usable = True
    drops_repeats = True
    budgets = ()

    def __init__(self) -> None:
        self.contacts = ContactBook(User(id="@me"))
        self.failures: list[Exception] = []
        self.attempts: list[tuple[str, str]] = []
        """Contents and ClientMsgIds."""
        self.finished: list[tuple[OutgoingMessage, SendResult]] = []
        nothing = cast("Any", None)
        self.gate = always_open()
        runs = cast("Any", SimpleNamespace(standing=SimpleNamespace(state=State.RUNNING)))
        self.status = AccountStatus("default", runs, nothing, self.gate)
        self.running = self.status.running
        self.running.set()
        self.journal = Journal()
        self.on_send: Callable[[], None] = lambda: None
        self.files = Files()
        self.limiter: RateLimiter
        self._changed = asyncio.Condition()

    async def send_text(self, chat_id: str, content: str, client_msg_id: str) -> str:
        return self.answers(content, client_msg_id, self.limiter.time())

    def answers(self, content: str, client_msg_id: str, began: float) -> str:
        self.attempts.append((content, client_msg_id))
        self.on_send()
        if self.failures:
            failure = self.failures.pop(0)
            if isinstance(failure, RateLimited):
                self.limiter.penalize(failure.call, began)
            raise failure
        return f"id of {content}"

    async def record_result(
        self, message: OutgoingMessage, result: SendResult, *_: object, **__: object
    ) -> list[RecordedReport]:
        async with self._changed:
            self.finished.append((message, result))
            self._changed.notify_all()
        return []

    def add(self, reports: list[RecordedReport]) -> None:
        """Publish no reports: the test looks at ``finished``."""
        assert not reports

    async def finishes(self, n: int) -> list[str]:
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: len(self.finished) >= n)
        return [one.content for one, _ in self.finished]

    @property
    def sent(self) -> list[str]:
        return [content for content, _ in self.attempts]

    @property
    def client_msg_ids(self) -> set[str]:
        return {id for _, id in self.attempts}

    def make(
        self,
        *,
        size: int = 10,
        wait_s: float = PATIENCE_S,
        interval_s: float = 0,
        tries: int = 3,
        between: Callable[[], Iterator[float]] = no_pause,
        penalties: Callable[[], Iterator[float]] = no_pause,
    ) -> Sender:
        settings = AccountSettings(send_interval=interval_s, send_tries=tries, queue_size=size)
        self.limiter = RateLimiter(interval_s, penalties)
        itself = cast("Any", self)
        return Sender(
            "default",
            settings,
            Pauses(send_wait_s=wait_s, between=between),
            cast("Any", self.journal),
            transport=itself,
            limiter=self.limiter,
            media=itself,
            recorder=itself,
            hold_back=itself,
            files=cast("Any", self.files),
            status=self.status,
            clock=Clock(),
            max_age_s=LONG_S,
        )


class LosesTheAccount(WeChat):
    """The journal cannot be written when a send has ended, and then another process has the account."""

    async def record_result(
        self, message: OutgoingMessage, result: SendResult, *_: object, **more: Any
    ) -> list[RecordedReport]:
        more["on_trouble"](JournalError("PostgreSQL is away"))
        raise LeaseLost("another process has taken the account")


def accept(sender: Sender, *messages: OutgoingMessage) -> None:
    """Enqueue messages that are in the journal."""
    for one in messages:
        sender.queue.put(QueuedMessage(one))


async def error_of(sending: "asyncio.Task[Sent] | Any") -> CallerError:
    with pytest.raises(CallerError) as error:
        await sending
    return error.value


@asynccontextmanager
async def running(sender: Sender) -> AsyncIterator[None]:
    task = asyncio.create_task(sender.run())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.fixture
async def wechat() -> WeChat:
    return WeChat()


@pytest.fixture
async def sender(wechat: WeChat) -> AsyncIterator[Sender]:
    sender = wechat.make()
    task = asyncio.create_task(sender.run())
    yield sender
    task.cancel()
    await asyncio.wait({task})


async def turns() -> None:
    """Let everything that can go on go on."""
    for _ in range(50):
        await asyncio.sleep(0)


def lost() -> Unreachable:
    return Unreachable("webwxsendmsg", "lost")


# -- order -----------------------------------------------------------------------------------------------


async def test_order_is_kept_and_bulk_yields(wechat: WeChat, sender: Sender) -> None:
    wechat.running.clear()
    accept(sender, message("bulk 1", bulk=True), message("bulk 2", bulk=True))
    await turns()
    accept(sender, message("a"), message("b"))
    wechat.running.set()
    assert await wechat.finishes(4) == ["a", "b", "bulk 1", "bulk 2"]
    await until(lambda: len(sender.queue) == 0)


async def test_a_send_that_comes_while_bulk_is_under_way_is_next(
    wechat: WeChat, sender: Sender
) -> None:
    def interrupt() -> None:
        if len(wechat.attempts) == 2:
            accept(sender, message("urgent"))

    wechat.on_send = interrupt
    accept(sender, *(message(f"bulk {n}", bulk=True) for n in range(4)))
    assert await wechat.finishes(5) == ["bulk 0", "bulk 1", "urgent", "bulk 2", "bulk 3"]


async def test_a_send_that_comes_while_an_interval_or_a_penalty_lasts_goes_before_bulk(
    wechat: WeChat,
) -> None:
    sender = wechat.make(interval_s=0.01, penalties=lambda: repeat(0.05))
    async with running(sender):
        wechat.limiter.penalize("webwxoplog", wechat.limiter.time())
        accept(sender, *(message(f"bulk {n}", bulk=True) for n in range(2)))
        await turns()
        sent = await sender.send(chat(2), "urgent")
        assert sent.msg_id == "id of urgent"
        assert await wechat.finishes(3) == ["urgent", "bulk 0", "bulk 1"]


async def test_bulk_goes_back_among_bulk(wechat: WeChat, sender: Sender) -> None:
    wechat.failures = [SessionEnded("webwxsendmsg", 1102)]
    wechat.on_send = wechat.running.clear
    accept(sender, message("bulk 0", bulk=True), message("bulk 1", bulk=True))
    await turns()
    wechat.on_send = lambda: None
    accept(sender, message("urgent"))
    wechat.running.set()
    assert await wechat.finishes(3) == ["urgent", "bulk 0", "bulk 1"]


# -- acceptance ------------------------------------------------------------------------------------------


async def test_what_is_lost_while_its_file_is_stored_is_not_accepted(
    wechat: WeChat, sender: Sender
) -> None:
    """This process may have the account again by then: nobody would send what is written only now."""
    wechat.files.on_keep = wechat.gate.close
    error = await error_of(sender.send_later([TO], ["x"]))
    assert error.code == Code.NOT_RUNNING
    assert not wechat.journal.written


async def test_an_outcome_that_is_lost_with_the_account_is_told_before_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sender = LosesTheAccount().make()
    with caplog.at_level(logging.INFO, "openwx.send"):
        task = asyncio.create_task(sender.run())
        sent = await sender.send(TO, "x")
        with pytest.raises(BaseExceptionGroup) as ended:
            await task
    assert sent.msg_id == "id of x"
    assert ended.value.subgroup(LeaseLost)
    told, lost_ = [
        one.getMessage() for one in caplog.records if "MsgId id of x" in one.getMessage()
    ]
    assert "not in the journal yet, and told" in told
    assert "is not published" in lost_


# -- attempts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [lost(), SystemBusy("webwxsendmsg", -1)])
async def test_every_attempt_carries_the_same_client_msg_id(
    wechat: WeChat, sender: Sender, failure: Exception
) -> None:
    wechat.failures = [failure, failure]
    sent = await sender.send(TO, "x")
    assert sent == Sent("id of x", "id of x:@1")
    assert len(wechat.attempts) == 3
    assert len(wechat.client_msg_ids) == 1


async def test_it_gives_up_after_the_tries(wechat: WeChat, sender: Sender) -> None:
    wechat.failures = [lost()] * 3
    error = await error_of(sender.send(TO, "x"))
    assert error.code == Code.GAVE_UP
    assert "3 tries" in error.status
    assert "whether it arrived is unknown" in error.status
    assert (await sender.send(TO, "y")).msg_id == "id of y"


@pytest.mark.parametrize(("ret", "code"), [(1, 201), (-2, 201), (1204, 1204)])
async def test_a_refusal_is_answered_at_once(
    wechat: WeChat, sender: Sender, ret: int, code: int
) -> None:
    wechat.failures = [Rejected("webwxsendmsg", ret, "words")]
    error = await error_of(sender.send(TO, "x"))
    assert error.code == code
    assert error.extra == {"ret": ret, "errmsg": "words"}
    assert len(wechat.attempts) == 1


async def test_too_often_is_answered_to_a_caller_and_attempted_again_for_the_others(
    wechat: WeChat, sender: Sender
) -> None:
    wechat.failures = [RateLimited("webwxsendmsg", 1205)]
    assert (await error_of(sender.send(TO, "x"))).code == 1205
    wechat.failures = [RateLimited("webwxsendmsg", 1205)]
    accept(sender, message("later"))
    await wechat.finishes(2)
    assert wechat.finished[-1][1].error is None


@pytest.mark.parametrize("end", [SessionEnded("webwxsendmsg", 1101), NotLoggedIn()])
async def test_a_send_outlives_a_new_login(wechat: WeChat, sender: Sender, end: Exception) -> None:
    wechat.failures = [end]
    wechat.on_send = wechat.running.clear
    waiting = asyncio.create_task(sender.send(TO, "x"))
    await until(lambda: wechat.attempts)
    wechat.on_send = lambda: None
    accept(sender, message("y"))
    wechat.running.set()
    assert (await waiting).msg_id == "id of x"
    assert await wechat.finishes(2) == ["x", "y"]


async def test_a_session_that_ended_is_left_alone_until_the_account_runs_again(
    wechat: WeChat, sender: Sender
) -> None:
    """Also before the account has noticed that its session is over."""
    wechat.failures = [NotLoggedIn()] * 9
    wechat.is_usable = False
    accept(sender, message("x"))
    await turns()
    assert wechat.sent == ["x"]
    wechat.failures.clear()
    wechat.running.set()
    assert await wechat.finishes(1) == ["x"]


async def test_a_chat_that_is_gone(wechat: WeChat, sender: Sender) -> None:
    wechat.failures = [CallerError(Code.NOT_FOUND, "gone")]
    accept(sender, message("x"))
    await wechat.finishes(1)
    error = wechat.finished[0][1].error
    assert error is not None
    assert error.code == Code.NOT_FOUND


# -- callers that wait too long --------------------------------------------------------------------------


async def test_what_was_not_begun_in_time_is_withdrawn(wechat: WeChat) -> None:
    sender = wechat.make(wait_s=0.01)
    error = await error_of(sender.send(TO, "x"))
    assert (error.code, error.http_status) == (-1, 504)
    assert "withdrawn" in error.status
    assert len(sender.queue) == 0


async def test_what_was_begun_has_an_unknown_outcome_and_is_not_begun_again() -> None:
    wechat = Slow()
    wechat.failures = [SessionEnded("webwxsendmsg", 1101)]
    sender = wechat.make(wait_s=SOON_S)
    async with running(sender):
        error = await error_of(sender.send(TO, "x"))
        assert "unknown" in error.status
        assert error.http_status == 504
        wechat.answer.set()
        await wechat.finishes(1)
        assert wechat.sent == ["x"]
        await until(lambda: len(sender.queue) == 0)


async def test_a_full_queue_says_when_to_come_back(wechat: WeChat) -> None:
    sender = wechat.make(size=2)
    accept(sender, message("a"), message("b"))
    error = await error_of(sender.send(TO, "c"))
    assert error.code == Code.QUEUE_FULL
    assert "queue_size is 2" in error.status
    assert error.extra["retry_after"] >= 1
    sender.queue.require_room(bulk=True)


async def test_no_attempt_follows_once_the_outcome_is_answered_to_be_unknown(
    wechat: WeChat,
) -> None:
    """Its caller may have sent it again by now."""
    wechat.failures = [lost(), lost()]
    wechat.on_send = wechat.running.clear
    sender = wechat.make(wait_s=SOON_S)
    async with running(sender):
        error = await error_of(sender.send(TO, "x"))
        assert "unknown" in error.status
        assert error.http_status == 504
        wechat.running.set()
        await wechat.finishes(1)
        found = wechat.finished[0][1].error
        assert found is not None
        assert "unknown" in found.status
        assert wechat.sent == ["x"]


async def test_what_may_have_been_sent_before_a_new_login_is_never_withdrawn(
    wechat: WeChat,
) -> None:
    wechat.failures = [lost(), SessionEnded("webwxsendmsg", 1101)]

    def stop_at_the_second() -> None:
        if len(wechat.attempts) == 2:
            wechat.running.clear()

    wechat.on_send = stop_at_the_second
    sender = wechat.make(wait_s=SOON_S)
    async with running(sender):
        assert "unknown" in (await error_of(sender.send(TO, "x"))).status
        wechat.running.set()
        assert await wechat.finishes(1) == ["x"]
        assert wechat.sent == ["x", "x"]
        await until(lambda: len(sender.queue) == 0)


async def test_the_withdrawn_is_not_sent_and_its_neighbours_are(wechat: WeChat) -> None:
    wechat.running.clear()
    sender = wechat.make(wait_s=0.01)
    async with running(sender):
        accept(sender, message("accepted 1"))
        assert "withdrawn" in (await error_of(sender.send(TO, "gone"))).status
        accept(sender, message("accepted 2"))
        wechat.running.set()
        assert await wechat.finishes(2) == ["accepted 1", "accepted 2"]
        assert wechat.sent == ["accepted 1", "accepted 2"]


# -- pace ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [None, Rejected("webwxsendmsg", 1)])
async def test_sends_keep_their_interval(wechat: WeChat, failure: Exception | None) -> None:
    wechat.failures = [failure] if failure else []
    sender = wechat.make(interval_s=LONG_S, wait_s=0.01)
    async with running(sender):
        accept(sender, message("a"))
        await wechat.finishes(1)
        assert "withdrawn" in (await error_of(sender.send(TO, "b"))).status
    assert wechat.sent == ["a"]


@pytest.mark.parametrize("failures", [[], [lost()]])
async def test_nothing_is_sent_once_the_account_stopped_running_in_a_pause(
    wechat: WeChat, failures: list[Exception]
) -> None:
    """A send in the middle of a new login would meet the contacts of the former one."""
    wechat.failures = failures
    wechat.on_send = wechat.running.clear  # not any more, and the pause after "a" begins
    sender = wechat.make(interval_s=0.02, between=lambda: repeat(0.02))
    async with running(sender):
        accept(sender, message("a"), message("b"))
        await until(lambda: wechat.attempts)
        a_later_one = QueuedMessage(message("c"))
        (await wechat.limiter.turn(a_later_one)).give_back()  # the pause is over
        await turns()
        assert wechat.sent == ["a"]
        wechat.on_send = lambda: None
        wechat.running.set()
        await until(lambda: len(wechat.attempts) == 2)


async def test_after_1205_nothing_at_all_is_sent_in_the_pause(wechat: WeChat) -> None:
    wechat.failures = [RateLimited("webwxsendmsg", 1205)]
    sender = wechat.make(wait_s=SOON_S / 10, penalties=lambda: repeat(LONG_S))
    async with running(sender):
        assert (await error_of(sender.send(TO, "now"))).code == 1205
        accept(sender, message("later"))
        assert "withdrawn" in (await error_of(sender.send(TO, "too soon"))).status
    assert wechat.sent == ["now"]


async def test_each_1205_waits_longer_until_a_send_succeeds(wechat: WeChat) -> None:
    drawn: list[str] = []

    def penalties() -> Iterator[float]:
        drawn.append("afresh")
        while True:
            drawn.append("longer")
            yield 0.0

    wechat.failures = [RateLimited("webwxsendmsg", 1205)] * 2
    sender = wechat.make(penalties=penalties)
    async with running(sender):
        accept(sender, message("x"))
        await wechat.finishes(1)
        wechat.failures = [RateLimited("webwxsendmsg", 1205)]
        accept(sender, message("y"))
        await wechat.finishes(2)
    assert drawn == ["afresh", "longer", "longer", "afresh", "longer"]
    assert wechat.sent == ["x", "x", "x", "y", "y"]
    assert len(wechat.client_msg_ids) == 2


async def test_an_accepted_send_that_is_too_often_for_all_its_tries(wechat: WeChat) -> None:
    wechat.failures = [RateLimited("webwxsendmsg", 1205)] * 3
    sender = wechat.make()
    async with running(sender):
        accept(sender, message("x"))
        await wechat.finishes(1)
        error = wechat.finished[0][1].error
        assert error is not None
        assert error.code == 1205


@pytest.mark.parametrize("ret", [-2, 1205])
async def test_a_refusal_after_a_lost_answer_does_not_say_that_nothing_arrived(
    wechat: WeChat, ret: int
) -> None:
    wechat.failures = [lost(), refused("webwxsendmsg", ret)]
    sender = wechat.make()
    async with running(sender):
        error = await error_of(sender.send(TO, "x"))
    assert error.code == (1205 if ret == 1205 else Code.REFUSED)
    assert "an earlier try may have arrived" in error.status


# -- several callers ---------------------------------------------------------------------------------------


class Slow(WeChat):
    """A WeChat that answers on request."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = asyncio.Event()
        self.under_way: list[str] = []

    async def send_text(self, chat_id: str, content: str, client_msg_id: str) -> str:
        began = self.limiter.time()
        self.under_way.append(content)
        await self.answer.wait()
        self.under_way.remove(content)
        return self.answers(content, client_msg_id, began)


@asynccontextmanager
async def waiting(
    sender: Sender, calls: Sequence[tuple[str, Friend]]
) -> AsyncIterator[list[asyncio.Task[Sent]]]:
    """Callers that wait for the outcome, a running sender, and their end."""
    async with running(sender), asyncio.TaskGroup() as tasks:
        yield [tasks.create_task(sender.send(to, content)) for content, to in calls]


async def test_callers_do_not_wait_for_other_chats_and_each_chat_keeps_its_order() -> None:
    wechat = Slow()
    sender = wechat.make(size=100)
    chats = range(SIDE_BY_SIDE + 1)
    async with waiting(sender, [(f"{n}-{m}", chat(n)) for m in range(2) for n in chats]):
        await until(lambda: len(wechat.under_way) == SIDE_BY_SIDE)
        await turns()
        assert wechat.under_way == [f"{n}-0" for n in range(SIDE_BY_SIDE)]
        assert len(sender.queue) == 2 * len(chats)
        wechat.answer.set()
        done = await wechat.finishes(2 * len(chats))
    assert all(done.index(f"{n}-0") < done.index(f"{n}-1") for n in chats)
    assert len(sender.queue) == 0


async def test_with_an_interval_one_is_sent_at_a_time() -> None:
    wechat = Slow()
    sender = wechat.make(interval_s=0.001)
    async with waiting(sender, [(f"{n}", chat(n)) for n in range(3)]):
        await until(lambda: wechat.under_way)
        await turns()
        assert wechat.under_way == ["0"]
        wechat.answer.set()
        assert await wechat.finishes(3) == ["0", "1", "2"]


async def test_what_was_accepted_for_later_keeps_its_order_among_all_chats() -> None:
    wechat = Slow()
    sender = wechat.make()
    accept(
        sender,
        message("a", to=chat(1)),
        message("b", to=chat(2)),
        message("c", to=chat(3), bulk=True),
    )
    async with waiting(sender, [("caller", chat(4))]):
        await until(lambda: len(wechat.under_way) == 2)
        await turns()
        assert wechat.under_way == ["a", "caller"]
        wechat.answer.set()
        done = await wechat.finishes(4)
    assert [name for name in done if name != "caller"] == ["a", "b", "c"]


async def test_several_1205_at_once_are_one() -> None:
    wechat = Slow()
    waits = iter([0.0, LONG_S])
    sender = wechat.make(penalties=lambda: waits)
    wechat.failures = [RateLimited("webwxsendmsg", 1205)] * 3
    async with running(sender):
        callers = [asyncio.create_task(sender.send(chat(n), f"{n}")) for n in range(3)]
        await until(lambda: len(wechat.under_way) == 3)
        wechat.answer.set()
        errors = [await error_of(caller) for caller in callers]
    assert [error.code for error in errors] == [1205] * 3
    assert next(waits) == LONG_S


# -- trouble of the journal ------------------------------------------------------------------------------


async def test_nobody_waits_for_a_journal_in_trouble_and_what_was_accepted_does(
    wechat: WeChat, sender: Sender
) -> None:
    wechat.running.clear()
    accept(sender, message("accepted"))
    waiting = asyncio.create_task(sender.send(TO, "x"))
    await until(lambda: len(sender.queue) == 2)
    wechat.journal.breaks()
    error = await error_of(waiting)
    assert (error.code, error.http_status) == (Code.GAVE_UP, 503)
    assert (await error_of(sender.send(TO, "y"))).http_status == 503
    wechat.running.set()
    await turns()
    assert not wechat.attempts
    wechat.journal.works()
    assert await wechat.finishes(1) == ["accepted"]


# -- the end ---------------------------------------------------------------------------------------------


async def test_a_stopped_account_answers_those_who_wait(wechat: WeChat, sender: Sender) -> None:
    wechat.running.clear()
    waiting = asyncio.create_task(sender.send(TO, "x"))
    await until(lambda: len(sender.queue))
    sender.give_up(CallerError(Code.NOT_RUNNING, "stopped"))
    assert (await error_of(waiting)).code == Code.NOT_RUNNING


async def test_close_lets_what_is_on_its_way_end(wechat: WeChat) -> None:
    sender = wechat.make()
    task = asyncio.create_task(sender.run())
    wechat.on_send = sender.close
    accept(sender, message("x"), message("y"))
    await asyncio.wait({task}, timeout=PATIENCE_S)
    assert task.done()
    assert [one.content for one, _ in wechat.finished] == ["x"]
    idle = wechat.make()
    task = asyncio.create_task(idle.run())
    await asyncio.sleep(0)
    idle.close()
    await asyncio.wait({task}, timeout=PATIENCE_S)
    assert task.done()


async def test_a_stop_lets_all_end_that_are_on_their_way_and_begins_no_other() -> None:
    wechat = Slow()
    sender = wechat.make(size=100)
    task = asyncio.create_task(sender.run())
    callers = [asyncio.create_task(sender.send(chat(n), f"{n}")) for n in range(SIDE_BY_SIDE + 1)]
    await until(lambda: len(wechat.under_way) == SIDE_BY_SIDE)
    sender.close()
    wechat.answer.set()
    await asyncio.wait({task}, timeout=PATIENCE_S)
    assert task.done()
    sender.give_up(CallerError(Code.NOT_RUNNING, "stopped"))
    *sent, left = callers
    assert [(await one).msg_id for one in sent] == [f"id of {n}" for n in range(SIDE_BY_SIDE)]
    assert (await error_of(left)).code == Code.NOT_RUNNING


async def test_a_stop_between_two_attempts_begins_no_other(wechat: WeChat) -> None:
    wechat.failures = [lost()]
    wechat.on_send = wechat.running.clear
    sender = wechat.make()
    task = asyncio.create_task(sender.run())
    waiting = asyncio.create_task(sender.send(TO, "x"))
    await turns()
    sender.close()
    await asyncio.wait({task}, timeout=PATIENCE_S)
    assert task.done()
    sender.give_up(CallerError(Code.NOT_RUNNING, "stopped"))
    error = await error_of(waiting)
    assert (error.code, error.http_status) == (Code.UNREACHABLE, 504)  # it may have arrived
    assert wechat.sent == ["x"]


async def test_who_comes_after_the_stop_is_answered_at_once(wechat: WeChat) -> None:
    sender = wechat.make()
    sender.close()
    sender.give_up(CallerError(Code.NOT_RUNNING, "stopped"))
    assert (await error_of(sender.send(TO, "x"))).code == Code.NOT_RUNNING
    assert not wechat.attempts


async def test_a_bug_ends_the_sender_and_is_not_swallowed(wechat: WeChat) -> None:
    wechat.failures = [ZeroDivisionError()]
    sender = wechat.make()
    accept(sender, message("x"))
    with pytest.raises(ExceptionGroup) as bug:
        await sender.run()
    assert bug.group_contains(ZeroDivisionError)


async def test_the_outcome_is_persisted_before_it_is_answered(
    wechat: WeChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller that gets "sent" can rely on the report."""
    written = asyncio.Event()

    async def record(*_: object, **__: object) -> list[RecordedReport]:
        await written.wait()
        return []

    monkeypatch.setattr(wechat, "record_result", record)
    sender = wechat.make()
    async with running(sender):
        waiting = asyncio.create_task(sender.send(TO, "x"))
        await turns()
        assert wechat.sent == ["x"]
        assert not waiting.done()
        written.set()
        assert (await waiting).msg_id == "id of x"


# -- where WeChat does not drop repetitions --------------------------------------------------------------


def begun_in(journal: Journal) -> list[bool]:
    """Return what was written of whether messages have begun."""
    bodies = [body for batch in journal.written for body in batch.rewritten_sends.values()]
    return [OutgoingMessage.from_bytes(body).begun for body in bodies]


async def test_where_wechat_drops_repetitions_nothing_is_written_before_an_attempt(
    wechat: WeChat, sender: Sender
) -> None:
    wechat.failures = [lost(), SystemBusy("webwxsendmsg", -1), lost()]
    accept(sender, message("x"))
    await wechat.finishes(1)
    assert len(wechat.attempts) == 3
    assert wechat.journal.written == []


@pytest.mark.parametrize("is_awaited", [True, False])
async def test_the_journal_says_first_that_an_accepted_message_has_begun(
    wechat: WeChat, sender: Sender, is_awaited: bool
) -> None:
    wechat.drops_repeats = False
    wechat.failures = [NeverReached("send", "refused"), SystemBusy("send", -1)]
    seen: list[list[bool]] = []
    wechat.on_send = lambda: seen.append(begun_in(wechat.journal))
    if is_awaited:
        assert (await sender.send(TO, "x")).msg_id == "id of x"
        assert seen == [[], [], []], "its caller is the record"
    else:
        accept(sender, message("x"))
        await wechat.finishes(1)
        assert seen == [[True], [True, False, True], [True, False, True, False, True]]
    assert wechat.finished[0][1].error is None


async def test_a_message_does_not_begin_while_the_journal_cannot_say_so(
    wechat: WeChat, sender: Sender
) -> None:
    wechat.drops_repeats = False
    wechat.running.clear()
    accept(sender, message("x"))
    await turns()
    write = wechat.journal.write

    async def fail(batch: WriteBatch) -> None:
        wechat.journal.breaks()
        await write(batch)

    wechat.journal.write = fail  # type: ignore[method-assign]
    wechat.running.set()
    await until(lambda: wechat.journal.trouble)
    await turns()
    assert wechat.attempts == []
    wechat.journal.write = write  # type: ignore[method-assign]
    wechat.journal.works()
    assert await wechat.finishes(1) == ["x"]
    assert wechat.sent == ["x"]


async def test_an_interrupted_message_is_not_attempted(wechat: WeChat, sender: Sender) -> None:
    sender.queue.put(QueuedMessage(message("x"), was_interrupted=True))
    accept(sender, message("y"))
    assert await wechat.finishes(2) == ["x", "y"]
    error = wechat.finished[0][1].error
    assert error is not None
    assert (error.http_status, wechat.sent) == (504, ["y"])


async def test_a_send_that_ends_its_session_has_not_begun(wechat: WeChat, sender: Sender) -> None:
    wechat.drops_repeats = False
    wechat.failures = [SessionEnded("send", -14)]
    wechat.on_send = wechat.running.clear
    accept(sender, message("x"))
    await until(lambda: begun_in(wechat.journal) == [True, False])
    wechat.on_send = lambda: None
    wechat.running.set()
    assert await wechat.finishes(1) == ["x"]


async def test_a_message_that_was_too_often_has_not_begun(wechat: WeChat, sender: Sender) -> None:
    wechat.drops_repeats = False
    wechat.failures = [RateLimited("send", -2)]
    accept(sender, message("x"))
    assert await wechat.finishes(1) == ["x"]
    assert begun_in(wechat.journal) == [True, False, True]


# -- answers of backends ---------------------------------------------------------------------------------


async def test_a_file_in_an_answer_holds_up_that_answer_alone(
    sender: Sender, wechat: WeChat
) -> None:
    """At a start, the answers of two targets to one report come one after the other."""
    is_there = asyncio.Event()

    async def resolve(*_: object, **__: object) -> object:
        await is_there.wait()
        raise CallerError(Code.MEDIA, "no file after all")

    cast("Any", wechat).resolve = resolve
    answers = {
        "post_api": BackendAnswer((Reply(media="http://files.example/a.png"), Reply("after it"))),
        "log": BackendAnswer((Reply("of the other target"),)),
    }
    news = [
        (target, new)
        for target, answer in answers.items()
        for new in new_sends_of_reply(ref_of(TO, None), answer, 1)
    ]
    sender.accept(
        [
            Send(**{**asdict(new), "target": target}, id=id, account="default", created=time.time())
            for id, (target, new) in enumerate(news)
        ]
    )
    assert await wechat.finishes(1) == ["of the other target"]
    is_there.set()
    assert (await wechat.finishes(3))[2] == "after it"
