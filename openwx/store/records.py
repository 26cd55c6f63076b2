"""What goes into the journal and comes out of it; ``journal.py`` says how it is kept.

A ``WriteBatch`` is one atomic piece of work: all of it is on the disk, or none of it.
"""

import secrets
from collections.abc import Mapping, Sequence
from enum import IntEnum

import msgspec

KEPT_BODY = 64 * 1024
"""A body beyond this many bytes goes when its upload is delivered."""


def new_uid() -> str:
    """For an upload, or for a send and the upload that tells how it ended: 32 hex digits, no two alike."""
    return secrets.token_hex(16)


class NewReport(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """One message or event on its way to ``post_api``."""

    chat: str
    """Uploads of one (account, chat) are delivered in order; ``""`` is the account's own events."""
    kind: str
    """``receive_message``, ``send_message`` or the event's name."""
    body: bytes
    """Encoded JSON, posted as it is."""
    uid: str
    """Unique; the header ``webhook-id`` is ``msg_`` and this."""
    reply_to: bytes = b""
    """Opaque to the journal; not empty where a reply is allowed."""
    dedupe: str = ""
    """Where not empty, a second upload with the same (account, dedupe) is ignored."""
    deliver: bool = True
    """False: kept as delivered at once (filtered out, or no ``post_api``), for ``dedupe``."""
    media: bytes = b""
    """Opaque to the journal. Not empty where a medium is still to be fetched: until it is ``Completed``, this
    upload and those of its chat behind it are held."""
    attachment: str = ""
    """A file whose content is posted with the body, as its ``media_data``."""


class Report(NewReport, kw_only=True, frozen=True, gc=False):
    id: int
    account: str
    created: float
    """Unix time in seconds; of an upload that is sent again, when that was asked for."""
    tries: int = 0
    """How often the backend refused it, or took it and said nothing."""


class ListedReport(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """An upload that was given up, or one that waits. Its body stays in the journal."""

    id: int
    chat: str
    kind: str
    uid: str
    created: float
    settled: float
    """When it was given up; 0 where it waits."""
    tries: int
    status: int
    """The last HTTP status, 0 where there was none."""
    error: str


class PublishedReport(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """An upload that everybody may see: its medium, and all before it in its chat, are there."""

    id: int
    """Grows in the order in which uploads could be seen, and never comes back: where a reader goes on."""
    kind: str
    uid: str
    created: float
    attachment: str
    """A file that belongs to the body as its ``media_data``."""
    body: bytes
    """Empty where it was too large to be kept."""


class ReportPage(msgspec.Struct, frozen=True):
    """What can be seen after some id."""

    uploads: list[PublishedReport]
    """In order; not all, but some where there are any."""
    forgotten: int
    """The highest id of the account that is not kept any more, 0 where all are. Lower ones may still be."""
    more: bool
    """Whether there may be more than these."""


class StoredReport(ListedReport, kw_only=True, frozen=True, gc=False):
    """Any upload that the journal still has, however it ended."""

    fate: int
    """A ``DeliveryStatus``; 0 where it waits."""
    seq: int
    """Its number among all that can be seen (the ``id`` of a ``PublishedReport``); 0 while it is hidden."""
    body: bytes
    """Empty where it was large, and goes no more."""


class Counts(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """What an account did since some time, and how many uploads wait now."""

    received: int
    sent: int
    """Without those that failed."""
    delivered: int
    """To ``post_api``."""
    failed: int
    """Deliveries that were given up."""
    waiting: int


class NewSend(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """One message that waits to be sent to WeChat."""

    uid: str
    body: bytes
    upload_id: int | None = None
    """The upload whose reply this is. Taken only while that upload is pending, and once a part."""
    part: int = 0
    attachment: str = ""
    """A file that is needed until it is sent."""


class Send(NewSend, kw_only=True, frozen=True, gc=False):
    id: int
    account: str
    created: float


class Completed(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """The medium of an upload was fetched, or given up: what is told now."""

    id: int
    body: bytes
    attachment: str = ""
    deliver: bool = True


class DeliveryStatus(IntEnum):
    """How an upload ended. The numbers are in the database."""

    DELIVERED = 1
    FAILED = 2
    DROPPED = 3


class Settled(msgspec.Struct, frozen=True, gc=False):
    """The end of a pending upload (of one that is not pending any more: no effect)."""

    id: int
    fate: DeliveryStatus
    status: int = 0
    error: str = ""
    tries: int = 0
    """How often it was tried, where that is more than the ``refused`` that were counted."""


class WriteBatch(msgspec.Struct, frozen=True, kw_only=True):
    """One atomic piece of work. Its parts take effect in the order of these fields."""

    account: str
    uploads: Sequence[NewReport] = ()
    sends: Sequence[NewSend] = ()
    completed: Sequence[Completed] = ()
    """Uploads that were held for their medium."""
    finished_sends: Sequence[str] = ()
    """Uids of sends that are done, failed or withdrawn: their rows go."""
    refused: Sequence[int] = ()
    """Ids of pending uploads that were refused, or not answered, once more: their ``tries`` grow by one."""
    settled: Sequence[Settled] = ()
    again: Sequence[int] = ()
    """Ids of failed uploads that are pending anew, as if they were made now."""
    dropped: Sequence[int] = ()
    """Ids of failed uploads that nobody wants any more."""
    state: Mapping[str, bytes | None] = {}
    """What the account has to remember; None forgets the key."""
    media: Mapping[str, bytes] = {}
    """What is known of media that can be sent on, by the first part of their media_id."""
    keys: Mapping[str, bytes] = {}
    """Calls that are done once, by the keys that their callers chose."""


class WriteResult(msgspec.Struct, frozen=True):
    """What became of a unit. Give ``uploads`` and ``again`` to the reporter."""

    uploads: list[Report | None]
    """In order; None is a duplicate that was ignored."""
    sends: list[Send]
    """Those that were taken: a part of a reply that was taken before is missing."""
    again: list[Report]
    dropped: list[int]

    @property
    def fresh(self) -> list[Report]:
        """The uploads without the duplicates, and those that are sent again."""
        return [upload for upload in self.uploads if upload is not None] + self.again
