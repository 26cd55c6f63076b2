"""The owner's phone, and the login codes that it scans (reference, 2). Tests call it, and `control`."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Concatenate, ParamSpec

from .model import Chat, Draft, Message, SentMessage, Settings
from .notifier import PATIENCE_S, Notifier
from .scenario import (
    AnyMember,
    FriendRequest,
    GroupActor,
    Host,
    PersonActor,
    document_verb,
    origin_of,
)
from .session import Session
from .wire import contents, quotes, shares
from .wire.contents import Origin

P = ParamSpec("P")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(slots=True, eq=False)
class LoginCode:
    """A UUID and its state: pending, scanned, confirmed, refused or expired."""

    kind = "web"
    """The service that it logs in to."""

    uuid: str
    ticket: str
    expires_at: float
    """In the event loop's time."""
    desktop: bool = False
    """Requested with `mod=desktop`."""
    state: str = "pending"
    account: Host | None = None
    """The account whose phone scanned it; of a push login, the one that has to confirm."""
    push: bool = False
    scan_published: bool = False
    """Whether a poll was answered with 201."""
    session: Session | None = None
    """The session of the confirmed code, once webwxnewloginpage was called."""
    digits: str = ""
    """What the phone shows, to be entered in the client before it can be confirmed; empty: nothing."""

    @property
    def drawn(self) -> str:
        """The text in the QR code."""
        return f"https://login.weixin.qq.com/l/{self.uuid}"

    @property
    def offers_confirm(self) -> bool:
        """Whether the prompt of the phone has a button to confirm."""
        return True

    def scanned_by(self, account: Host) -> None:
        """Note whose phone scanned it."""
        self.account, self.state = account, "scanned"

    def confirm(self) -> None:
        """Note the confirmation. Raises LookupError where the phone does not offer it."""
        self.state = "confirmed"


class LoginCodes:
    """All login codes of the service. Everything that waits for a change of one waits here."""

    def __init__(self, draw: random.Random, settings: Settings, outer: Notifier) -> None:
        self.pulse = Notifier(outer)
        self._draw = draw
        self._settings = settings
        self._codes: dict[str, LoginCode] = {}

    def new(self, *, desktop: bool, push_to: Host | None = None) -> LoginCode:
        """Make a code, and forget those that expired an hour ago."""
        now = asyncio.get_running_loop().time()
        self._codes = {u: c for u, c in self._codes.items() if c.expires_at + 3600 > now}
        code = LoginCode(
            uuid=f"{self._letters(4)}_{self._letters(5)}==",
            ticket=f"A{self._letters(22)}@qrticket_0",
            expires_at=now + self._settings.uuid_expiry_s,
            desktop=desktop,
            push=push_to is not None,
        )
        if push_to is not None:
            # The phone shows "confirm login" without a scan: the code counts as scanned.
            code.state, code.account = "scanned", push_to
        self.add(code)
        return code

    def add(self, code: LoginCode) -> None:
        """Add a code."""
        self._codes[code.uuid] = code
        self.pulse.notify()

    def _letters(self, count: int) -> str:
        return "".join(self._draw.choices(_LETTERS, k=count))

    def find(self, uuid: str) -> LoginCode | None:
        """Return the code with this UUID, in its present state."""
        code = self._codes.get(uuid)
        if code is not None:
            self._age(code)
        return code

    def pending(self) -> list[LoginCode]:
        """Return the codes that are not scanned yet, oldest first."""
        for code in self._codes.values():
            self._age(code)
        return [c for c in self._codes.values() if c.state == "pending"]

    def expire_all(self) -> None:
        """Let all codes expire that are not confirmed yet."""
        for code in self._codes.values():
            if code.state in ("pending", "scanned"):
                code.state = "expired"
        self.pulse.notify()

    def _age(self, code: LoginCode) -> None:
        now = asyncio.get_running_loop().time()
        if code.state in ("pending", "scanned") and now >= code.expires_at:
            code.state = "expired"


def _by_phone(
    make: Callable[Concatenate[Origin, P], Draft],
) -> Callable[Concatenate[Phone, Chat, P], Message]:
    def verb(self: Phone, chat: Chat, /, *args: P.args, **kwargs: P.kwargs) -> Message:
        owner = self.account.owner
        draft = make(origin_of(owner, self.account), *args, **kwargs)
        return self.account.deliver(owner, chat, draft)

    return document_verb(verb, make)


class Phone:
    """The phone of an account's owner."""

    def __init__(self, account: Host, codes: LoginCodes) -> None:
        self.account = account
        self.prompt: LoginCode | None = None
        """The code that the phone asks to confirm: scanned, or of a push login."""
        self._codes = codes

    # Logging a client in

    async def scan(self, uuid: str | None = None, timeout_s: float = PATIENCE_S) -> LoginCode:
        """Scan this code, or the oldest that is not scanned yet; wait until there is one."""

        def scannable() -> LoginCode | None:
            return next((c for c in self._codes.pending() if uuid in (None, c.uuid)), None)

        code = await self._codes.pulse.until(scannable, timeout_s)
        if code is None:
            raise TimeoutError(f"no login code to scan within {timeout_s} s")
        code.scanned_by(self.account)
        self.prompt = code
        self._codes.pulse.notify()
        return code

    async def sees_push_login(self, timeout_s: float = PATIENCE_S) -> LoginCode:
        """Wait for the prompt of a push login; then `confirm` or `cancel`."""

        def prompted() -> LoginCode | None:
            code = self.shows()
            return code if code is not None and code.push else None

        code = await self._codes.pulse.until(prompted, timeout_s)
        if code is None:
            raise TimeoutError(f"no push login within {timeout_s} s")
        return code

    async def sees_digits(self, timeout_s: float = PATIENCE_S) -> str:
        """Wait until the phone shows digits to be entered in the client, and return them (iLink)."""

        def shown() -> str:
            code = self.shows()
            return code.digits if code is not None else ""

        digits = await self._codes.pulse.until(shown, timeout_s)
        if digits is None:
            raise TimeoutError(f"the phone showed no digits within {timeout_s} s")
        return digits

    def asks_to_confirm(self, code: LoginCode) -> None:
        """Show the prompt of a push login."""
        self.prompt = code
        self._codes.pulse.notify()

    def confirm(self) -> None:
        """Press "log in" on the prompt."""
        self._prompted().confirm()
        self._close_prompt()

    def cancel(self) -> None:
        """Press "cancel" on the prompt: the web client's next poll answers 400."""
        self._prompted().state = "refused"
        self._close_prompt()

    async def logs_in(self, uuid: str | None = None, timeout_s: float = PATIENCE_S) -> LoginCode:
        """Scan and confirm."""
        code = await self.scan(uuid, timeout_s)
        self.confirm()
        return code

    def logs_out_web(self) -> None:
        """Log the web client out: its calls answer 1100."""
        self.account.end_session(1100)

    def shows(self) -> LoginCode | None:
        """Return the code of the login prompt, if there is one and it has not expired."""
        if self.prompt is None:
            return None
        code = self._codes.find(self.prompt.uuid)
        return code if code is not None and code.state == "scanned" else None

    def _prompted(self) -> LoginCode:
        code = self.shows()
        if code is None:
            raise LookupError(f"the phone of {self.account.name} shows no login prompt")
        return code

    def _close_prompt(self) -> None:
        self.prompt = None
        self._codes.pulse.notify()

    # Chatting

    def says(self, chat: Chat, text: str) -> Message:
        """Write on the phone: the web client sees a message from itself."""
        return self.account.deliver(self.account.owner, chat, contents.text(text))

    sends_image = _by_phone(contents.image)
    sends_voice = _by_phone(contents.voice)
    sends_video = _by_phone(contents.video)
    sends_short_video = _by_phone(contents.short_video)
    sends_sticker = _by_phone(contents.sticker)
    sends_shop_sticker = _by_phone(contents.shop_sticker)
    sends_app_sticker = _by_phone(shares.app_sticker)
    sends_file = _by_phone(shares.file)
    sends_location = _by_phone(contents.location)
    sends_location_48 = _by_phone(contents.location_48)
    shares_live_location = _by_phone(shares.live_location)
    quotes = _by_phone(quotes.quote)
    sends_link = _by_phone(shares.link)
    sends_articles = _by_phone(shares.articles)
    sends_mini_program = _by_phone(shares.mini_program)
    transfers = _by_phone(shares.transfer)
    sends_red_packet = _by_phone(shares.red_packet)
    sends_red_packet_notice = _by_phone(contents.red_packet_notice)
    sends_chat_record = _by_phone(shares.chat_record)
    sends_card = _by_phone(contents.card)
    calls = _by_phone(contents.call)

    def mentions(self, group: GroupActor, whom: Sequence[AnyMember], text: str = "") -> Message:
        """Mention members of a group in a text; `所有人` is everybody."""
        return self.account.deliver(self.account.owner, group, group.mentioning(whom, text))

    def announces(self, group: GroupActor, text: str) -> Message:
        """Publish an announcement of a group (AppMsgType 87)."""
        owner = self.account.owner
        draft = shares.announcement(origin_of(owner, self.account), text)
        return self.account.deliver(owner, group, draft)

    def recalls(self, sent: Message | SentMessage) -> Message:
        """Recall what the phone or the web client sent (MsgType 10002)."""
        chat = sent.to if isinstance(sent, SentMessage) else sent.receiver
        return self.account.recall(self.account.owner, chat, sent, "你撤回了一条消息")

    def opens(self, chat: Chat) -> Message:
        """Enter a chat (MsgType 51, StatusNotifyCode 2; selector 7)."""
        return self._moves(chat, 2)

    def leaves(self, chat: Chat) -> Message:
        """Leave a chat (StatusNotifyCode 5)."""
        return self._moves(chat, 5)

    def _moves(self, chat: Chat, code: int) -> Message:
        draft = Draft(51, "", fields={"StatusNotifyCode": code})
        return self.account.deliver(self.account.owner, chat, draft, notify_about=(chat,))

    # Changing things

    def renames_me(self, name: str) -> None:
        """Change the owner's nickname: `Profile` in the next webwxsync."""
        self.account.owner.renames(name)

    def remarks(self, friend: PersonActor, name: str) -> None:
        """Give a friend a remark name."""
        friend.remark = name
        self.account.contact_changed(friend)

    def accepts(self, request: FriendRequest) -> Message:
        """Accept a friend request."""
        request.accepted = True
        return self.account.become_friends(request.person)

    def leaves_group(self, group: GroupActor) -> None:
        """Leave a group: DelContactList."""
        del group.members[self.account.owner.key]
        self.account.lose_group(group)

    def deletes(self, friend: PersonActor) -> None:
        """Delete a friend: DelContactList."""
        self.account.lose_friend(friend)
