"""A stand-in for the gateway: what the routes may see of it, working, without WeChat behind it."""

import asyncio
import time
from typing import TYPE_CHECKING, cast

import msgspec

from openwx.config import Access, Settings
from openwx.errors import CallerError, Code
from openwx.gateway.feed import Feed as RealFeed
from openwx.report.records import Upload
from openwx.wechat.contacts import Contacts
from openwx.wechat.events import State
from openwx.wechat.model import Chat, Friend, Group, Member, User

if TYPE_CHECKING:
    from openwx.gateway.gateway import Gateway


class Sent(msgspec.Struct):
    msg_id: str
    id: str


class Feed(RealFeed):
    """The real one, which also tells whether somebody waits."""

    def __init__(self) -> None:
        super().__init__(20)
        self.waiting = asyncio.Event()

    def put_json(self, body: bytes) -> None:
        self.put(
            Upload(id=1, account="default", chat="", kind="login", uid="u", body=body, created=0.0)
        )

    async def ready(self, timeout_s: float) -> None:
        self.waiting.set()
        try:
            await super().ready(timeout_s)
        finally:
            self.waiting.clear()


class Account:
    def __init__(self, name: str) -> None:
        self.name = name
        self.state = State.RUNNING
        self.state_reason = ""
        self.starttime = time.time() - 100
        self.qrcode_png: bytes | None = None
        self.feed = Feed()
        self.sent: list[tuple[str, str]] = []
        self.sends: Exception | None = None
        """What happens to the next sends instead."""
        self.contacts = Contacts(User(id="@me", name="me", displayname="me"))
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

    def require_running(self) -> None:
        if self.state is not State.RUNNING:
            raise CallerError(
                Code.NOT_RUNNING,
                "not logged in",
                state=self.state,
                state_reason=self.state_reason,
            )

    async def send_text(self, chat: Chat, content: str) -> Sent:
        self._take(chat, content)
        return Sent("123", f"123:{chat.id}")

    async def send_text_later(self, chat: Chat, content: str) -> str:
        self._take(chat, content)
        return "uid-1"

    async def send_text_to_all(self, content: str) -> int:
        friends = [self.contacts.friends[friend] for friend in ("@a", "@b", "@c")]
        for friend in friends:
            self._take(friend, content)
        return len(friends)

    def _take(self, chat: Chat, content: str) -> None:
        if self.sends is not None:
            raise self.sends
        self.sent.append((chat.id, content))


class StandIn:
    """The gateway."""

    def __init__(self, access: Access | None = None) -> None:
        self.settings = Settings(access=access or Access())
        self.accounts = {"default": Account("default")}
        self.port = 3000
        self.stopping: list[tuple[str, float]] = []

    def account(self, name: str | None) -> Account:
        if name is None and len(self.accounts) == 1:
            return next(iter(self.accounts.values()))
        if name not in self.accounts:
            raise CallerError(Code.BAD_PARAMETER, "client must be the name of an account")
        return self.accounts[name]

    def stop_later(self, account: Account, delay_s: float) -> None:
        self.stopping.append((account.name, delay_s))

    def as_gateway(self) -> "Gateway":
        return cast("Gateway", self)

    @property
    def only(self) -> Account:
        return self.accounts["default"]
