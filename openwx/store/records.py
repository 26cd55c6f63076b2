"""The records that a journal stores and returns. ``base.py`` has the journal's promises.

A ``WriteBatch`` is one atomic write: all of it is on the disk, or none of it.
"""

import secrets
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

import msgspec

from openwx.config.contract import POST_API

MAX_STORED_BODY = 64 * 1024
"""A larger body is removed from the journal when its report is delivered, in bytes."""


SENT = b'"code":0,'
"""Part of the JSON of a successful send. In a text its quotes would be escaped."""


def new_uid() -> str:
    """Return a unique id for a report, or for a send and the report of its outcome: 32 hex digits."""
    return secrets.token_hex(16)


class DeliveryKey(NamedTuple):
    """Names a delivery: one report on its way to one target."""

    report_id: int
    target: str = POST_API


class NewReport(msgspec.Struct, kw_only=True, frozen=True):
    """A message or event to be recorded, and to be posted to its targets."""

    chat: str
    """A target gets the reports of one (account, chat) in order; ``""`` stands for the account's own events."""
    kind: str
    """``receive_message``, ``send_message`` or the event's name."""
    body: bytes
    """Encoded JSON, posted unchanged."""
    uid: str
    """Unique. The header ``webhook-id`` is ``msg_`` and this."""
    reply_to: bytes = b""
    """Opaque to the journal. Not empty if the report can be replied to."""
    dedupe: str = ""
    """If not empty, a second report with the same (account, dedupe) is ignored."""
    targets: tuple[str, ...] = (POST_API,)
    """The names of the targets that it is delivered to, each once. None: stored as delivered, so that duplicates are
    still found."""
    media: bytes = b""
    """Opaque to the journal. Not empty while media has to be downloaded: until a ``CompletedReport`` follows, this
    report and the later ones of its chat are held."""
    attachment: str = ""
    """A file whose content is posted with the body, as ``media_data``."""


class Report(NewReport, kw_only=True, frozen=True):
    """A report that is in the journal."""

    id: int
    account: str
    created: float
    """Unix time in seconds; of a retried delivery, the time of the retry."""
    tries: int = 0
    """Read with one delivery: the number of times that its target refused the report or did not answer."""


class ListedDelivery(msgspec.Struct, kw_only=True, frozen=True):
    """One delivery, without the body of its report."""

    id: int
    """The id of the report."""
    target: str
    chat: str
    kind: str
    uid: str
    created: float
    """Unix time; of a retried delivery, the time of the retry."""
    ended: float
    """When it ended; 0 while it waits."""
    tries: int
    http_status: int
    """The last HTTP status; 0 if there was none."""
    error: str
    """Opaque to the store, as in ``DeliveryOutcome``; empty if it was accepted."""
    status: int
    """A ``DeliveryStatus``; 0 while it waits."""

    @property
    def key(self) -> DeliveryKey:
        """Name this delivery."""
        return DeliveryKey(self.id, self.target)


class PublishedReport(msgspec.Struct, kw_only=True, frozen=True):
    """A report that readers can see: its media, and all before it in its chat, are complete."""

    id: int
    """Its sequence number: grows in the order of publication, and is never reused. Readers continue after it."""
    kind: str
    uid: str
    created: float
    attachment: str
    """A file that belongs to the body as its ``media_data``."""
    body: bytes
    """Empty if it was too large to be stored."""


class ReportPage(msgspec.Struct, frozen=True):
    """Some published reports after an id."""

    reports: list[PublishedReport]
    """The reports in order; at least one if there is any."""
    pruned: int
    """The highest pruned id of the account; 0 if none was. Lower ones may still be there."""
    more: bool
    """Whether there may be more than these."""


class MessagePage(msgspec.Struct, frozen=True):
    """Some published messages, newest first."""

    messages: list[tuple[int, bytes]]
    """Sequence numbers and bodies. Messages whose body is not stored any more are left out."""
    end: int
    """The sequence number down to which everything was read: the next page lies below it."""
    more: bool
    """Whether there are reports below ``end``."""


class StoredReport(msgspec.Struct, kw_only=True, frozen=True):
    """Any report that is still in the journal, wherever its deliveries are."""

    id: int
    chat: str
    kind: str
    uid: str
    created: float
    seq: int
    """Its sequence number (the ``id`` of a ``PublishedReport``); 0 while it is held."""
    body: bytes
    """Empty if it was large and its deliveries have ended."""


class Counts(msgspec.Struct, kw_only=True, frozen=True):
    """The counts of an account in some period, and the number of deliveries that wait now."""

    received: int
    sent: int
    """Sent messages, without failed sends."""
    delivered: int
    """Deliveries that were accepted."""
    failed: int
    """Failed deliveries."""
    waiting: int


class NewSend(msgspec.Struct, kw_only=True, frozen=True):
    """One message to be sent to WeChat."""

    uid: str
    body: bytes
    report_id: int | None = None
    """The report that this replies to. Stored only while its delivery to ``target`` is pending, and once a part."""
    target: str = POST_API
    """The target whose answer this is; of no meaning without ``report_id``."""
    part: int = 0
    attachment: str = ""
    """A file that is needed until the message is sent."""


class Send(NewSend, kw_only=True, frozen=True):
    """A send that is in the journal."""

    id: int
    account: str
    created: float


# Field by field: `structs.asdict` takes five times as long, and these are made for each message.
def report_of(new: NewReport, id_: int, account: str, now: float) -> Report:
    """Return the report that a new one becomes."""
    return Report(
        id=id_,
        account=account,
        created=now,
        chat=new.chat,
        kind=new.kind,
        body=new.body,
        uid=new.uid,
        reply_to=new.reply_to,
        dedupe=new.dedupe,
        targets=new.targets,
        media=new.media,
        attachment=new.attachment,
    )


def send_of(new: NewSend, id_: int, account: str, now: float) -> Send:
    """Return the send that a new one becomes."""
    return Send(
        id=id_,
        account=account,
        created=now,
        uid=new.uid,
        body=new.body,
        report_id=new.report_id,
        target=new.target,
        part=new.part,
        attachment=new.attachment,
    )


class CompletedReport(msgspec.Struct, kw_only=True, frozen=True):
    """The final content of a held report: its media was downloaded, or the download was given up."""

    id: int
    body: bytes
    attachment: str = ""
    targets: tuple[str, ...] = (POST_API,)
    """In place of those that the report was recorded with."""


class DeliveryStatus(IntEnum):
    """How a delivery ended. The numbers are in the database."""

    DELIVERED = 1
    FAILED = 2
    DROPPED = 3


class DeliveryOutcome(msgspec.Struct, frozen=True):
    """The end of a pending delivery. Without effect if it is not pending."""

    id: int
    """The id of the report."""
    status: DeliveryStatus
    http_status: int = 0
    error: str = ""
    tries: int = 0
    """The number of attempts, if that is more than the counted ``failed_tries``."""
    target: str = POST_API


class WriteBatch(msgspec.Struct, frozen=True, kw_only=True):
    """One atomic write. Its parts take effect in the order of these fields.

    All of them act on rows of ``account`` alone: ids and uids of another one are without effect, as if they did not
    exist.
    """

    account: str
    reports: Sequence[NewReport] = ()
    sends: Sequence[NewSend] = ()
    completed: Sequence[CompletedReport] = ()
    rewritten_sends: Mapping[str, bytes] = {}
    """New bodies of sends by uid. Without effect on a send that is finished."""
    finished_sends: Sequence[str] = ()
    """Uids of sends that are done, failed or withdrawn. Their rows are deleted."""
    failed_tries: Sequence[DeliveryKey] = ()
    """Pending deliveries that were refused or not answered once more: adds one to their ``tries``."""
    outcomes: Sequence[DeliveryOutcome] = ()
    retried: Sequence[DeliveryKey] = ()
    """Failed deliveries that become pending again, as if they were created now."""
    dropped: Sequence[DeliveryKey] = ()
    """Failed deliveries to be marked as dropped."""
    state: Mapping[str, bytes | None] = {}
    """The account's state by key; None deletes the key."""
    media: Mapping[str, bytes] = {}
    """What is known of media that can be sent on, by the first part of the ``media_id``."""
    keys: Mapping[str, bytes] = {}
    """Records of idempotent calls, by their callers' keys."""


class AccountRecord(msgspec.Struct, kw_only=True, frozen=True):
    """An account that the store knows of."""

    account: str
    """Its name."""
    wanted: bool
    """Whether it should run."""
    settings: bytes
    """Opaque to the store."""
    origin: str
    """Where it comes from: ``config`` or ``api``."""


class NodeOptions(msgspec.Struct, kw_only=True, frozen=True):
    """How a process takes part in a store that several share."""

    node: str
    """Its name, unique among them."""
    home: UUID
    """An id of its data folder, which no other process has locked."""
    url: str = ""
    """Where the others reach it; empty where they do not."""
    proof: str = ""
    """By which others see whether they have its secret. Opaque to the store."""
    max_clients: int = 100
    """How many accounts it may own."""
    lease_s: float = 15.0
    """How long a node may be silent."""
    is_draining: bool = False
    """Whether it takes no accounts but those that it is told to, such as a command."""


class Node(msgspec.Struct, kw_only=True, frozen=True):
    """A node that is a member: it joined, and was neither declared dead nor has it left."""

    incarnation: UUID
    """The id of its membership, never used again."""
    node: str
    url: str
    version: str
    beat: int
    """How often it has said that it lives."""
    is_draining: bool
    max_clients: int
    proof: str = ""


class OwnedAccount(msgspec.Struct, kw_only=True, frozen=True):
    """An account with a row, and which member owns it."""

    account: str
    wanted: bool
    settings: bytes
    origin: str
    owner: UUID | None
    """The incarnation of its owner; None while no member owns it."""
    epoch: int
    """Its term: of two terms the later one is higher."""
    next: str
    """The node that shall take it; empty where none is named."""


class Visit(msgspec.Struct, frozen=True):
    """A login to the console."""

    key: str
    """Who has logged in: the name of a key."""
    proof: bytes
    """What follows from the key's token: another token, another proof."""


class ClusterView(msgspec.Struct, frozen=True):
    """The members and the accounts at one moment."""

    nodes: list[Node]
    accounts: list[OwnedAccount]

    def node_of(self, incarnation: UUID | None) -> Node | None:
        """Return the member with this incarnation."""
        return next((one for one in self.nodes if one.incarnation == incarnation), None)


class WriteResult(msgspec.Struct, frozen=True):
    """What a ``WriteBatch`` stored."""

    reports: list[Report | None]
    """The reports in order; None for a duplicate that was ignored."""
    sends: list[Send]
    """The sends, without the parts of a reply that were stored before."""
    retried: list[Report]
    """The report of each delivery that is pending again; its only target is that of the delivery."""
    dropped: list[DeliveryKey]

    @property
    def recorded(self) -> list[Report]:
        """The reports without the duplicates."""
        return [report for report in self.reports if report is not None]
