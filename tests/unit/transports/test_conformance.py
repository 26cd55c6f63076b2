"""What accounts rely on, of every transport alike: the one in memory, web WeChat and iLink against the simulator."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest

from openwx.config import AccountSettings
from openwx.domain.contacts import Friend
from openwx.domain.events import ChatAdded, Event, LoggedIn, State, StateChanged
from openwx.errors import NotLoggedIn, SessionEnded
from openwx.reasons import ReasonCode
from openwx.simulator import Account, ClawBot, Simulator
from openwx.testing import PACE
from openwx.transports.base import Batch, Capability, Transport, TransportFactory
from openwx.transports.ilink.transport import ILinkTransports
from openwx.transports.network import Network
from openwx.transports.ratelimit import RateLimiter
from openwx.transports.web.transport import WebTransports
from tests.memory import MemoryTransports
from tests.memory_wechat import MemoryAccount

from .inbox import Inbox


class Sink:
    """Takes changes, which none of these tests makes."""

    def require_writable(self) -> None:
        raise AssertionError

    async def record(self, events: list[Event]) -> None:
        raise AssertionError(events)


@dataclass
class Case:
    """An account at a WeChat, and what makes transports to it."""

    factory: TransportFactory
    account: Account | MemoryAccount
    inbox: Inbox = field(default_factory=Inbox)

    @asynccontextmanager
    async def runs(self, *, logs_in: bool = True) -> AsyncIterator[Transport]:
        """Run a transport with the state that was saved."""
        transport = self.create()
        running = asyncio.create_task(transport.run(dict(self.inbox.saved), self.inbox))
        try:
            if logs_in:
                await self.logs_in()
            await self.inbox.enters(State.RUNNING)
            yield transport
        finally:
            running.cancel()
            await asyncio.wait({running})
            await transport.close()
            self.inbox.batches.clear()

    def create(self) -> Transport:
        limiter = RateLimiter(0, PACE.too_often)
        transport = self.factory.create("default", self.settings, limiter, is_guarded=False)
        transport.connect(Sink())
        return transport

    @property
    def settings(self) -> AccountSettings:
        return AccountSettings(send_interval=0)

    async def logs_in(self) -> None:
        """Confirm the login; in memory there is nothing to confirm."""

    async def logs_in_again(self) -> None:
        """Confirm the login of an account that was logged in before."""

    def ends_session(self) -> None:
        assert isinstance(self.account, MemoryAccount)
        self.account.end_session(SessionEnded("call", 1101))

    # The person who writes, and others

    ids_last = False
    """Whether people keep their ids over a new login."""

    def says(self, text: str) -> None:
        self.account.friend("小灰").says(text)

    def newcomer_says(self, text: str) -> None:
        self.account.add_friend("新朋友").says(text)

    def friend_in(self, transport: Transport) -> Friend:
        """Return the contact who writes."""
        friend = transport.contacts.find_friend(name="小灰")
        assert friend.account == "xiaohui2016"
        return friend

    @property
    def texts(self) -> list[str]:
        """What that person was sent."""
        return self.account.friend("小灰").texts

    @property
    def unacknowledged(self) -> int:
        return len(self.account.timeline) - self.account.acknowledged


@dataclass
class WebCase(Case):
    url: str = ""

    @property
    def settings(self) -> AccountSettings:
        return AccountSettings.model_validate({"base_url": self.url, "send_interval": 0})

    async def logs_in(self) -> None:
        assert isinstance(self.account, Account)
        await self.account.phone.logs_in()

    async def logs_in_again(self) -> None:
        assert isinstance(self.account, Account)
        await self.account.phone.sees_push_login()
        self.account.phone.confirm()

    def ends_session(self) -> None:
        assert isinstance(self.account, Account)
        self.account.end_session(1101)


@dataclass
class ILinkCase(WebCase):
    ids_last = True

    async def logs_in_again(self) -> None:
        await self.logs_in()

    @property
    def owner(self) -> ClawBot:
        assert isinstance(self.account, Account)
        return self.account.clawbot

    def ends_session(self) -> None:
        self.owner.bot.goes_stale()

    def says(self, text: str) -> None:
        self.owner.says(text)

    def newcomer_says(self, text: str) -> None:
        self.owner.other("新朋友").says(text)

    def friend_in(self, transport: Transport) -> Friend:
        return transport.contacts.find_friend(id=self.owner.user_id)

    @property
    def texts(self) -> list[str]:
        return self.owner.texts

    @property
    def unacknowledged(self) -> int:
        return len(self.owner.bot.updates) - self.owner.bot.acknowledged


@pytest.fixture(params=["memory", "web", "ilink"])
async def case(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    if request.param == "memory":
        memory = MemoryTransports()
        yield Case(memory, memory.account())
        return
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(
            Simulator(1, hold_s=0.5, friends=8, groups=1, group_members=4)
        )
        connector = aiohttp.TCPConnector()
        stack.push_async_callback(connector.close)
        if request.param == "web":
            by_web = WebTransports(Network(connector), PACE)
            yield WebCase(by_web, simulator.account(), url=simulator.url)
        else:
            by_ilink = ILinkTransports(Network(connector), PACE)
            yield ILinkCase(by_ilink, simulator.account(), url=simulator.url)


async def test_a_login_is_delivered_before_anything_of_it(case: Case) -> None:
    async with case.runs() as transport:
        assert case.inbox.states[-2:] == [State.UPDATING, State.RUNNING]
        assert [e.ids_changed for e in case.inbox.events if isinstance(e, LoggedIn)] == [True]
        assert transport.standing.state is State.RUNNING
        assert transport.is_usable
        assert transport.standing.trouble is transport.standing.session_end is None
        assert transport.standing.sync_age_s is not None
        assert case.inbox.batches[-1].identity == transport.identity
        case.says("hello")
        await case.inbox.until(lambda: "hello" in case.inbox.texts)
        (message,) = case.inbox.batches[-1].messages
        assert message.parties.chat is case.friend_in(transport)
        assert not message.parties.mine


async def test_the_state_of_batches_comes_back_at_the_next_run(case: Case) -> None:
    async with case.runs() as transport:
        first = transport.identity
        case.says("one")
        await case.inbox.until(lambda: "one" in case.inbox.taken)
    assert case.inbox.saved
    case.says("two")
    async with case.runs(logs_in=False) as transport:
        assert transport.identity == first
        assert [e.ids_changed for e in case.inbox.events if isinstance(e, LoggedIn)] == [False]
        await case.inbox.until(lambda: "two" in case.inbox.texts)
        assert case.inbox.texts == ["two"], "what was acknowledged does not come again"


async def test_what_was_not_acknowledged_comes_again(case: Case) -> None:
    async with case.runs():
        case.inbox.open.clear()
        case.says("kept")
        await case.inbox.until(lambda: "kept" in case.inbox.texts)
        assert case.unacknowledged
    case.inbox.open.set()
    async with case.runs(logs_in=False):
        await case.inbox.until(lambda: "kept" in case.inbox.texts)
        assert case.inbox.texts == ["kept"]


async def test_there_is_no_call_without_a_session(case: Case) -> None:
    transport = case.create()
    assert transport.standing.state is State.INIT
    assert transport.identity is None
    assert transport.standing.sync_age_s is None
    assert not transport.is_usable
    with pytest.raises(NotLoggedIn):
        await transport.send_text("filehelper", "too early", "1")
    await transport.close()
    assert case.account.sent == []


async def test_a_new_login_is_another_identity_of_the_same_account(case: Case) -> None:
    async with case.runs() as transport:
        case.says("hello")
        await case.inbox.until(lambda: "hello" in case.inbox.taken)
        former, friend = transport.identity, case.friend_in(transport)
        case.inbox.batches.clear()
        case.ends_session()
        await case.inbox.enters(State.LOADING)
        changes = [event for event in case.inbox.events if isinstance(event, StateChanged)]
        (left,) = [change for change in changes if change.new is State.LOADING]
        assert left.reason.code is ReasonCode.SESSION_ENDED
        await case.logs_in_again()
        await case.inbox.enters(State.RUNNING)
        assert former is not None
        assert transport.identity is not None
        assert transport.identity.uin == former.uin
        assert transport.identity.login_id != former.login_id
        assert not transport.standing.session_end
        again = case.friend_in(transport)
        assert (again.account, again.id == friend.id) == (friend.account, case.ids_last)


async def test_a_send_that_is_repeated_is_one_message_where_it_is_said(case: Case) -> None:
    async with case.runs() as transport:
        case.says("hello")
        await case.inbox.until(lambda: "hello" in case.inbox.taken)
        to = case.friend_in(transport).id
        first = await transport.send_text(to, "once", "17")
        assert (await transport.send_text(to, "once", "17") == first) == transport.drops_repeats
        assert await transport.send_text(to, "twice", "18") != first
        found = ["once"] if transport.drops_repeats else ["once", "once"]
        assert case.texts == [*found, "twice"]


async def test_what_may_be_sent_is_told(case: Case) -> None:
    async with case.runs() as transport:
        assert transport.kind in ("memory", "web", "ilink")
        case.says("hello")
        await case.inbox.until(lambda: "hello" in case.inbox.taken)
        to = case.friend_in(transport).id
        await transport.until_sendable(to)
        before = [budget.sends_left for budget in transport.budgets]
        await transport.send_text(to, "one", "1")
        assert [budget.sends_left for budget in transport.budgets] == [left - 1 for left in before]


async def test_a_log_out_ends_the_saved_session(case: Case) -> None:
    transport = case.create()
    assert await transport.log_out({}) == {}
    await transport.close()
    async with case.runs() as running:
        former = running.identity
    transport = case.create()
    forgotten = await transport.log_out(case.inbox.saved)
    await transport.close()
    assert forgotten
    assert set(forgotten.values()) == {None}
    await case.inbox.deliver(Batch(state=forgotten))
    case.inbox.batches.clear()
    async with case.runs() as running:
        assert running.identity != former


async def test_a_new_friend_is_in_the_contacts_when_the_event_comes(case: Case) -> None:
    async with case.runs() as transport:
        case.newcomer_says("hi")
        await case.inbox.until(lambda: "hi" in case.inbox.texts)
        (added,) = [event for event in case.inbox.events if isinstance(event, ChatAdded)]
        (message,) = [one for batch in case.inbox.batches for one in batch.messages]
        assert (
            added.chat
            is message.parties.chat
            is transport.contacts.friends[message.parties.chat.id]
        )
        assert Capability.SEND_TEXT in transport.capabilities
