"""Recognises messages that the service delivers twice, within seconds of each other.

It does so even with a correct cursor: with the same ``message_id``, with another one, or without any (reports of 2026).
The journal drops the first kind by the message's id; this drops the second, and keeps the first from counting as news
of the person. Equal text alone is no repetition: people repeat themselves. ``Inbound`` asks it.
"""

import hashlib
import math
import time
from collections.abc import Sequence

import msgspec
from msgspec import Raw

from openwx.transports.ilink import wire

WINDOW_S = 60.0
"""How long a message is remembered, in seconds. Repetitions were seen after 1 to 11 s."""
MOST = 500

_VOLATILE = ("msg_id", "update_time_ms")
"""Fields of an item that may differ between two deliveries of one message."""


class Seen(msgspec.Struct, frozen=True):
    """One delivered message: its id, what identifies it besides, and when it came (Unix time in seconds)."""

    id: str
    mark: str
    at: float


class Repeats:
    """The messages of the last minute. What ``is_one`` notes counts for later batches after ``commit``."""

    def __init__(self, seen: Sequence[Seen] = ()) -> None:
        self._seen = list(seen)
        self._staged: list[Seen] = []
        self._came: dict[str, float] = {}
        """When ids and marks came, of all that is in the lists."""
        self.begin()

    def to_bytes(self) -> bytes:
        """Encode what will be remembered after ``commit``."""
        return msgspec.json.encode(self._fresh())

    @classmethod
    def from_bytes(cls, data: bytes) -> "Repeats":
        """Decode what was saved. Raises one of ``UNREADABLE``."""
        return cls(msgspec.json.decode(data, type=list[Seen]))

    def begin(self) -> None:
        """Forget what a batch noted that was not delivered."""
        self._staged = []
        self._came = {name: one.at for one in self._seen for name in _names(one.id, one.mark)}

    def commit(self) -> None:
        """Remember what was noted: its batch is delivered."""
        self._seen, self._staged = self._fresh(), []

    def is_one(self, id: str, mark: str) -> bool:
        """Return whether a message was delivered a moment ago, and note it."""
        now, names = time.time(), _names(id, mark)
        if any(abs(now - self._came.get(name, -math.inf)) < WINDOW_S for name in names):
            return True
        self._staged.append(Seen(id, mark, now))
        self._came |= dict.fromkeys(names, now)
        return False

    def _fresh(self) -> list[Seen]:
        oldest = time.time() - WINDOW_S
        return [one for one in (*self._seen, *self._staged) if one.at > oldest][-MOST:]


def _names(id: str, mark: str) -> list[str]:
    """Return what a message is recognised by. An id is never taken for a mark."""
    return [f"id {id}", f"mark {mark}"] if mark else [f"id {id}"]


def mark_of(message: wire.Message, items: Sequence[Raw]) -> str:
    """Return what two deliveries of one message have in common: sender, time, the phone's own id and content. Empty
    without a time."""
    written_ms = wire.whole(message.create_time_ms)
    if not written_ms:
        return ""
    sender, client_id = wire.text(message.from_user_id), _plain(message.client_id)
    return hash_of(sender, written_ms, client_id, *map(_lasting, items))


def local_id(message: wire.Message, items: Sequence[Raw], place: str) -> str:
    """Return the id of a message without one, the same for each delivery.

    ``place`` says where in which answer it came; it counts where nothing else tells two equal texts apart.
    """
    fields = (message.create_time_ms, message.seq, message.client_id)
    named = [*map(_plain, fields)]
    if not any(named):
        named = [place]
    return as_digits(hash_of(wire.text(message.from_user_id), *named, *map(_lasting, items)))


def _plain(value: object) -> int | str:
    return wire.whole(value) or wire.text(value)


def as_digits(hashed: str) -> str:
    """Return an id of 25 digits, longer than any of the service's."""
    return str(10**24 + int(hashed, 16) % (9 * 10**24))


def hash_of(*parts: object) -> str:
    """Return a hexadecimal hash of texts and numbers."""
    return hashlib.sha256(wire.encode({"": parts})).hexdigest()[:24]


def _lasting(item: Raw) -> str:
    """Return an item without its volatile fields, its members in order."""
    fields = wire.read(item, dict[str, Raw])
    if fields is None:
        return bytes(item).decode("utf-8", "replace")
    return "\n".join(
        f"{name}:{bytes(fields[name]).decode('utf-8', 'replace')}"
        for name in sorted(fields)
        if name not in _VOLATILE
    )
