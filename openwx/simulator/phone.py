"""The owner's phone, and the login codes it scans (reference, 2)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .pulse import PATIENCE_S, Pulse
from .text import text_on_wire
from .timeline import Chat, Heard, Message
from .verbs import PhoneVerbs

if TYPE_CHECKING:
    from .account import Account
    from .friendship import FriendRequest
    from .people import Group, Person
    from .session import Session
    from .world import World


@dataclass(slots=True, eq=False)
class LoginCode:
    """A UUID and how far it came: pending, scanned, confirmed, refused, expired."""

    uuid: str
    ticket: str
    expires_at: float
    """In the event loop's time."""
    desktop: bool = False
    """Asked for with `mod=desktop`."""
    state: str = "pending"
    account: Account | None = None
    """Who scanned it; for a push login who is asked."""
    push: bool = False
    told_scanned: bool = False
    session: Session | None = None
    """What the confirmed code yielded, once webwxnewloginpage was asked."""


class LoginCodes:
    """All login codes of the service; everybody who waits for one of them waits here."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._codes: dict[str, LoginCode] = {}
        self.pulse = Pulse(world.pulse)

    def new(self, *, desktop: bool, push_to: Account | None = None) -> LoginCode:
        now = asyncio.get_running_loop().time()
        self._codes = {u: c for u, c in self._codes.items() if c.expires_at + 3600 > now}
        draw = self._world.random
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        code = LoginCode(
            uuid=f"{''.join(draw.choices(letters, k=4))}_{''.join(draw.choices(letters, k=5))}==",
            ticket="A" + "".join(draw.choices(letters, k=22)) + "@qrticket_0",
            expires_at=now + self._world.settings.uuid_expiry_s,
            desktop=desktop,
            push=push_to is not None,
        )  # fmt: skip
        if push_to is not None:
            # The phone shows "confirm login" without a scan: the code counts as scanned.
            code.state, code.account = "scanned", push_to
        self._codes[code.uuid] = code
        self.pulse.beat()
        return code

    def find(self, uuid: str) -> LoginCode | None:
        code = self._codes.get(uuid)
        if code is not None:
            self._age(code)
        return code

    def pending(self) -> list[LoginCode]:
        """Codes that nobody scanned yet, oldest first."""
        for code in self._codes.values():
            self._age(code)
        return [c for c in self._codes.values() if c.state == "pending"]

    def expire_all(self) -> None:
        """Let the codes that are not yet confirmed go stale at once."""
        for code in self._codes.values():
            if code.state in ("pending", "scanned"):
                code.state = "expired"
        self.pulse.beat()

    def set_state(self, code: LoginCode, state: str) -> None:
        code.state = state
        self.pulse.beat()

    def _age(self, code: LoginCode) -> None:
        now = asyncio.get_running_loop().time()
        if code.state in ("pending", "scanned") and now >= code.expires_at:
            code.state = "expired"


class Phone(PhoneVerbs):
    """What the owner of an account does on the phone."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.prompt: LoginCode | None = None
        """What the phone asks to be confirmed: the scanned code, or a push login."""

    # Logging the web client in

    async def scan(self, uuid: str | None = None, timeout_s: float = PATIENCE_S) -> LoginCode:
        """Scan this code, or the oldest that nobody scanned yet; waits for one."""
        codes = self.account.world.codes

        def scannable() -> LoginCode | None:
            found = [c for c in codes.pending() if uuid in (None, c.uuid)]
            return found[0] if found else None

        code = await codes.pulse.until(scannable, timeout_s)
        if code is None:
            raise TimeoutError(f"no login code to scan within {timeout_s} s")
        code.account, self.prompt = self.account, code
        codes.set_state(code, "scanned")
        return code

    async def sees_push_login(self, timeout_s: float = PATIENCE_S) -> LoginCode:
        """Wait for a "confirm login" prompt of a push login; then `confirm` or `cancel`."""
        codes = self.account.world.codes

        def prompted() -> LoginCode | None:
            code = self.shows()
            return code if code is not None and code.push else None

        code = await codes.pulse.until(prompted, timeout_s)
        if code is None:
            raise TimeoutError(f"no push login within {timeout_s} s")
        return code

    def confirm(self) -> None:
        """Press "log in" on the prompt."""
        self.account.world.codes.set_state(self._prompted(), "confirmed")
        self.prompt = None

    def cancel(self) -> None:
        """Press "cancel" on the prompt: the web client's next poll answers 400."""
        self.account.world.codes.set_state(self._prompted(), "refused")
        self.prompt = None

    async def logs_in(self, uuid: str | None = None, timeout_s: float = PATIENCE_S) -> LoginCode:
        """Scan and confirm."""
        code = await self.scan(uuid, timeout_s)
        self.confirm()
        return code

    def logs_out_web(self) -> None:
        """Log the web client out: it is told 1100."""
        self.account.end_session(1100)

    def shows(self) -> LoginCode | None:
        """The login prompt that waits for an answer, if there is one and it is not stale."""
        if self.prompt is None:
            return None
        code = self.account.world.codes.find(self.prompt.uuid)
        return code if code is not None and code.state == "scanned" else None

    def _prompted(self) -> LoginCode:
        code = self.shows()
        if code is None:
            raise LookupError(f"the phone of {self.account.name} shows no login prompt")
        return code

    # Chatting

    def says(self, chat: Chat, text: str) -> Message:
        """The owner writes on the phone: the web client sees a message from itself."""
        return self.account.receive(self.account.owner, chat, text_on_wire(text), text=text)

    def recalls(self, sent: Message | Heard) -> Message:
        """The owner takes back what the phone or the web client sent (MsgType 10002)."""
        chat = sent.to if isinstance(sent, Heard) else sent.receiver
        return self.account.receive_own_recall(chat, sent)

    def opens(self, chat: Chat) -> Message:
        """The owner enters a chat on the phone (MsgType 51, StatusNotifyCode 2; selector 7)."""
        return self._moves(chat, 2)

    def leaves(self, chat: Chat) -> Message:
        """The owner leaves a chat on the phone (StatusNotifyCode 5)."""
        return self._moves(chat, 5)

    def _moves(self, chat: Chat, code: int) -> Message:
        owner = self.account.owner
        return self.account.receive(
            owner, chat, "", msg_type=51, notify_about=(chat,), fields={"StatusNotifyCode": code}
        )

    # Changing things

    def renames_me(self, nickname: str) -> None:
        """The owner takes another name: `Profile` in the next webwxsync."""
        self.account.owner.renames(nickname)

    def remarks(self, friend: Person, remark: str) -> None:
        """The owner gives a friend a remark name."""
        friend.remark = remark
        self.account.contact_changed(friend)

    def accepts(self, request: FriendRequest) -> Message:
        """The owner says yes on the phone to somebody who asked to be a friend."""
        request.accepted = True
        return self.account.become_friends(request.person)

    def leaves_group(self, group: Group) -> None:
        """The owner leaves a group: DelContactList."""
        del group.members[self.account.owner.key]
        self.account.lose_group(group)

    def deletes(self, friend: Person) -> None:
        """The owner deletes a friend: DelContactList."""
        self.account.lose_friend(friend)
