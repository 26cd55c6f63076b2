"""A stand-in for the gateway: what the routes may see of it, working, without WeChat behind it."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from openwx.accounts.check_event import EventBuffer
from openwx.accounts.idempotency import KeyedCall, Outcome
from openwx.accounts.media.folder import MediaFolder
from openwx.accounts.media.resolver import MediaInput
from openwx.accounts.message_search import HistoryPage
from openwx.accounts.outgoing import OutgoingMedia, Sent
from openwx.accounts.streams import Slots
from openwx.config import AccessSettings, Settings
from openwx.domain.contact_book import ContactBook
from openwx.domain.contacts import Chat, Friend, Group, Member, User
from openwx.domain.events import State
from openwx.errors import CallerError, Code
from openwx.reasons import ReasonCode, reason
from openwx.store.records import ListedDelivery, Report
from openwx.transports.base import Capability, SendBudget, no_code_wanted

if TYPE_CHECKING:
    from openwx.accounts.manager import AccountManager


MAX_MEDIA = 100_000


class Buffer(EventBuffer):
    """The real one, which also shows whether a call waits."""

    def __init__(self) -> None:
        super().__init__(20)
        self.waiting = asyncio.Event()

    def put_json(self, body: bytes) -> None:
        report = Report(
            id=1, account="default", chat="", kind="login", uid="u", body=body, created=0.0
        )
        self.on_report(report, {})

    async def wait(self, timeout_s: float) -> None:
        self.waiting.set()
        try:
            await super().wait(timeout_s)
        finally:
            self.waiting.clear()


class Keys:
    """Calls with keys, all of which have ended."""

    def __init__(self) -> None:
        self.calls: dict[str, list[Outcome]] = {}

    async def has_ended(self, key: str) -> bool:
        return key in self.calls

    async def outcomes(self, key: str) -> list[Outcome]:
        return self.calls[key]


class Outgoing:
    """Takes what is sent, unless something ``happens`` to it instead."""

    def __init__(self, contacts: ContactBook) -> None:
        self.sent: list[tuple[str, str]] = []
        self.happens: Exception | None = None
        self.keys = Keys()
        self._contacts = contacts

    def everybody(self) -> list[Chat]:
        return [self._contacts.friends[friend] for friend in ("@a", "@b", "@c")]

    async def send(
        self, chat: Chat, what: str | OutgoingMedia, on_begun: Callable[[], None] | None = None
    ) -> Sent:
        self._take(chat, what)
        return Sent("123", f"123:{chat.id}")

    async def send_all(
        self,
        chat: Chat,
        whats: list[str | OutgoingMedia],
        on_begun: Callable[[], None] | None = None,
    ) -> list[Sent]:
        return [await self.send(chat, what, on_begun) for what in whats]

    def waits_for(self, chat: Chat) -> str:
        return ""

    async def send_later(
        self, chats: list[Chat], whats: list[str | OutgoingMedia], *, bulk: bool = False
    ) -> list[str]:
        for chat in chats:
            for what in whats:
                self._take(chat, what)
        return [f"uid-{number + 1}" for number in range(len(chats) * len(whats))]

    async def send_once(
        self,
        key: str,
        asked: str,
        find: Callable[[], Awaitable[tuple[list[Chat], list[str | OutgoingMedia]]]],
        **_: object,
    ) -> KeyedCall:
        chats, whats = await find()
        if key not in self.keys.calls:
            await self.send_later(chats, whats)
            self.keys.calls[key] = [Outcome(chat.id, "123") for chat in chats for _ in whats]
        return KeyedCall(asked, [f"uid-{number + 1}" for number in range(len(chats))], len(chats))

    def _take(self, chat: Chat, what: str | OutgoingMedia) -> None:
        if self.happens is not None:
            raise self.happens
        self.sent.append((chat.id, what if isinstance(what, str) else "a medium"))


class Media:
    """A media registry that accepts everything."""

    async def resolve(self, given: MediaInput, *, copy: bool) -> OutgoingMedia:
        return OutgoingMedia(source=given.file.path if given.file else given.path or "base64")

    async def find(self, media_id: str, name: str | None) -> OutgoingMedia:
        return OutgoingMedia(media_id=media_id)


class Outbox:
    """Nothing failed."""

    async def failed(self, limit: int, *, target: str | None = None) -> list[ListedDelivery]:
        return []


class History:
    """Nothing was said."""

    async def page(self, chat_key: str | None, **_: object) -> HistoryPage:
        return HistoryPage([], None)


class Refreshes:
    """Nothing has changed."""

    async def all(self) -> int:
        return 0


class Files:
    """No report has a file."""

    async def at_hand(self, report: Report) -> Report:
        return report


class NoReader:
    """Waits for reports that never come."""

    cursor = 0

    async def more(self, within_s: float) -> list[Report]:
        await asyncio.wait({asyncio.get_running_loop().create_future()}, timeout=within_s)
        return []


class NoStream:
    """A stream that has no reports."""

    @asynccontextmanager
    async def read(self, *_: object) -> AsyncIterator[NoReader]:
        yield NoReader()


class Account:
    def __init__(self, name: str) -> None:
        self.name = name
        self.stream = NoStream()
        self.state = State.RUNNING
        self.state_reason = ""
        self.reason = reason(ReasonCode.IN_SYNC)
        self.transport_kind = "web"
        self.capabilities = frozenset(Capability)
        self.budgets: list[SendBudget] = []
        self.owner_id: str | None = "@a"
        self.starttime = time.time() - 100
        self.qrcode_png: bytes | None = None
        self.buffer = Buffer()
        self.files = Files()
        self.contacts = ContactBook(User(id="@me", name="me", displayname="me"))
        for friend in (
            Friend(id="@a", name="小灰", displayname="小灰", sex="male", uid=7, account="grey"),
            Friend(id="@b", name="小灰", displayname="小灰", sex="female", account="ash"),
            Friend(id="@c", name="Zoë", markname="zo", displayname="zo", city="深圳"),
        ):
            self.contacts.friends[friend.id] = friend
        self.contacts.groups["@@g"] = Group(
            id="@@g",
            name="群",
            displayname="群",
            members={"@a": Member(id="@a", name="小灰", displayname="小灰")},
        )
        self.outgoing = Outgoing(self.contacts)
        self.media = Media()
        self.outbox = Outbox()
        self.history = History()
        self.refreshes = Refreshes()

    async def verify_code(self, code: str) -> bool:
        raise no_code_wanted()

    def require_running(self) -> None:
        if self.state is not State.RUNNING:
            raise CallerError(
                Code.NOT_RUNNING,
                "not logged in",
                state=self.state,
                state_reason=self.state_reason,
            )


class StandIn:
    """The gateway."""

    def __init__(self, access: AccessSettings | None = None) -> None:
        self.settings = Settings(access=access or AccessSettings())
        self.accounts = {"default": Account("default")}
        self.port = 3000
        self.streams: Slots = Slots()
        self._folder = tempfile.TemporaryDirectory()
        self.folder = MediaFolder(Path(self._folder.name), max_size=MAX_MEDIA)
        self.stopping: list[tuple[str, float]] = []

    def account(self, name: str | None) -> Account:
        if name is None and len(self.accounts) == 1:
            return next(iter(self.accounts.values()))
        if name not in self.accounts:
            raise CallerError(Code.BAD_PARAMETER, "client must be the name of an account")
        return self.accounts[name]

    async def stop_account(self, account: Account, delay_s: float) -> None:
        self.stopping.append((account.name, delay_s))

    def close(self) -> None:
        self._folder.cleanup()

    def as_gateway(self) -> "AccountManager":
        return cast("AccountManager", self)

    @property
    def only(self) -> Account:
        return self.accounts["default"]
