"""What comes to an account: the timeline, and all that is put on it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from .kinds import Draft, recall_content
from .people import Person
from .pulse import PATIENCE_S, Pulse
from .text import text_on_wire, xml_on_wire
from .timeline import (
    Chat,
    ContactChanged,
    ContactGone,
    Event,
    Heard,
    Message,
    ProfileChanged,
)

if TYPE_CHECKING:
    from .world import World

_HEX = "0123456789abcdef"


class Incoming:
    """The part of an account that receives."""

    owner: Person

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.number = number
        self.random = random.Random(f"{world.seed}:{number}")
        self._secrets = random.Random(f"{world.seed}:{number}:secrets")
        self.pulse = Pulse(world.pulse)
        self.timeline: list[Event] = []
        self.acknowledged = 0
        """How far into the timeline a web client has acknowledged by SyncKey."""
        self.handed_out: list[str] = []
        """The MsgIds that webwxsync gave out at least once, in the order of their first time."""
        self._handed_out: set[str] = set()
        self.received: dict[str, Message] = {}
        """All messages on the timeline, by MsgId."""
        self.received_by_key: dict[str, Message] = {}
        """Those that can be forwarded or fetched by what stands in them (`kinds.Draft.key`)."""
        self._last_key = 0
        self._last_number = 1_600_000_000_000_000_000 + number * 10**16

    # New names

    def next_key(self) -> int:
        self._last_key += 1
        return self._last_key

    def next_number(self) -> int:
        """A new message id: 64 bits, beyond 2**53, growing."""
        self._last_number += self.random.randrange(1, 1_000_003)
        return self._last_number

    def secret(self, digits: int) -> str:
        """So many new hex digits."""
        return "".join(self._secrets.choices(_HEX, k=digits))

    def new_media_id(self) -> str:
        return f"@crypt_{self.secret(8)}_{self.secret(96)}"

    # What happens

    def happens(self, event: Event) -> None:
        self.timeline.append(event)
        self.pulse.beat()

    def deliver(
        self, sender: Chat, receiver: Chat, draft: Draft, *,
        member: Person | None = None, notify_about: tuple[Chat, ...] = (),
    ) -> Message:  # fmt: skip
        """Put a message on the timeline; every message the web client gets comes through here."""
        message = Message(
            self.next_number() if draft.number is None else draft.number, sender, receiver,
            draft.content, draft.msg_type, member, draft.text, notify_about, draft.fields,
            medium=draft.medium, key=draft.key, recommends=draft.recommends,
        )  # fmt: skip
        self.received[message.msg_id] = message
        if draft.key:
            self.received_by_key[draft.key] = message
        self.happens(message)
        return message

    def receive(
        self, sender: Chat, receiver: Chat, content: str, *,
        msg_type: int = 1, member: Person | None = None, text: str = "",
        notify_about: tuple[Chat, ...] = (), fields: dict[str, Any] | None = None,
    ) -> Message:  # fmt: skip
        """A message of any kind: `content` and `fields` as the service writes them."""
        draft = Draft(msg_type, content, text, fields or {})
        return self.deliver(sender, receiver, draft, member=member, notify_about=notify_about)

    def receive_notice(self, chat: Chat, words: str) -> Message:
        """A system notice (MsgType 10000) in this chat."""
        return self.receive(chat, self.owner, text_on_wire(words), msg_type=10000, text=words)

    def receive_recall(self, chat: Chat, message: Message, who: str) -> Message:
        """Somebody else took a message back (MsgType 10002)."""
        message.revoked = True
        words = f'"{who}" 撤回了一条消息'
        return self.receive(
            chat, self.owner, recall_content(str(chat.uin or chat), message, words),
            msg_type=10002, member=message.member, text=words,
        )  # fmt: skip

    def receive_own_recall(self, chat: Chat, message: Message | Heard) -> Message:
        """The owner took a message back on the phone."""
        message.revoked = True
        words = "你撤回了一条消息"
        return self.receive(
            self.owner, chat, recall_content(str(chat.uin or chat), message, words),
            msg_type=10002, text=words,
        )  # fmt: skip

    def receive_chat_list(self, chats: tuple[Chat, ...]) -> Message:
        """MsgType 51: the recent chats; ids and Uins or account names in one order (reference)."""
        lasting = ",".join(chat.lasting_name for chat in chats)
        xml = f"<msg>\n<op id='4'>\n<username>{lasting}</username>\n</op>\n</msg>"
        return self.receive(
            self.owner, self.owner, xml_on_wire(xml), msg_type=51, notify_about=chats,
            fields={"StatusNotifyCode": 4},
        )  # fmt: skip

    def contact_changed(self, chat: Chat, *, added: bool = False) -> None:
        self.happens(ContactChanged(chat, added))

    def contact_gone(self, chat: Chat) -> None:
        self.happens(ContactGone(chat))

    def profile_changed(self) -> None:
        self.happens(ProfileChanged())

    # What the web client took

    def hand_out(self, message: Message) -> None:
        if message.msg_id not in self._handed_out:
            self._handed_out.add(message.msg_id)
            self.handed_out.append(message.msg_id)
            self.pulse.beat()

    def was_handed_out(self, message: Message) -> bool:
        """Whether webwxsync gave it to a web client."""
        return message.msg_id in self._handed_out

    async def hands_out(self, *messages: Message, timeout_s: float = PATIENCE_S) -> None:
        """Wait until webwxsync gave out all these messages."""
        wanted = {message.msg_id for message in messages}
        if not await self.pulse.until(lambda: wanted <= self._handed_out, timeout_s):
            missing = len(wanted - self._handed_out)
            raise TimeoutError(f"{missing} messages were not handed out within {timeout_s} s")

    async def acknowledges(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the web client has acknowledged all that happened so far."""
        end = len(self.timeline)
        if not await self.pulse.until(lambda: self.acknowledged >= end, timeout_s):
            raise TimeoutError(
                f"{end - self.acknowledged} events unacknowledged after {timeout_s} s"
            )
