"""The journal as the other packages see it: protocols by role, and the errors that every store raises.

What every store promises, and ``tests/unit/store/conformance`` checks:

- What ``write`` returned is on the disk. A batch is stored whole or not at all, and one that cannot be stored does
  not affect the others. Any text is kept as it is; one by which rows are found
  (a chat, a target, a uid, a key) has ``LONGEST_NAME`` bytes at most, else its batch is an ``InvalidBatch``.
- Everything is of one account. Ids and uids of another one are without effect, as if they did not exist.
- Batches of one account take effect in the order of the calls. Cancelling a caller undoes nothing.
- ``JournalError`` means that nothing was changed by this call, and never will be; the same batch succeeds once the
  cause is gone. With ``InvalidBatch`` it never will. While it is not known whether a batch was stored, ``write``
  waits; ``InDoubt`` says that the wait had to end before. Nobody repeats a batch after ``InDoubt`` or ``LeaseLost``.
- Ids of reports and of sends, and sequence numbers, grow within an account in the order of the writes, and are never
  reused. A reader that continues after a number misses nothing.
- Reads see every write that returned. They raise ``JournalError`` alone.
- A report has a delivery for each of its targets. These end, fail and are retried independently of each other; the
  report waits, with its attachment, until all have ended, and counts as failed while one of them has failed.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar
from uuid import UUID

from openwx.config.contract import POST_API
from openwx.errors import OpenwxError
from openwx.lease import Gate, Lease
from openwx.store.records import (
    AccountRecord,
    ClusterView,
    Counts,
    ListedDelivery,
    MessagePage,
    Report,
    ReportPage,
    Send,
    StoredReport,
    Visit,
    WriteBatch,
    WriteResult,
)

T = TypeVar("T")

MAX_SEQ = 2**63 - 1
"""No sequence number is higher."""


class JournalError(OpenwxError):
    """The journal cannot be read or written (disk full, locked, damaged, removed, closed).

    Certainly nothing was changed, and never will be: whoever wants it done repeats it.
    """


class InDoubt(OpenwxError):
    """Nobody knows whether this was stored, and the wait for the answer had to end: the store closes.

    No ``JournalError``: what is repeated then may be stored twice.
    """


class InvalidBatch(Exception):
    """A batch contradicts itself or what is stored, such as by a uid that exists: a bug. Nothing was changed."""


class JournalUnavailable(JournalError):
    """The journal cannot be opened now, but perhaps later: no room on the disk, or another program has locked it."""


class Writable(Protocol):
    """The only way to change a journal, and whether it works at present."""

    async def write(self, batch: WriteBatch) -> WriteResult:
        """Store all of a batch.

        Raise ``JournalError``, at once while writing is known to fail; ``InDoubt``, ``LeaseLost``.
        """

    @property
    def trouble(self) -> str:
        """Why the journal cannot be written; empty while it can, as far as is known."""

    def require_writable(self) -> None:
        """Raise ``JournalError`` if the journal is known to be unwritable."""

    async def until_writable(self) -> bool:
        """Wait until the journal can be written, as far as is known. Return whether that took any time."""

    async def until_failing(self) -> JournalError:
        """Wait until the journal cannot be written, and return the reason."""

    async def until_done(
        self, work: Callable[[], Awaitable[T]], on_wait: Callable[[JournalError], object]
    ) -> T:
        """Repeat ``work`` until it raises no ``JournalError``. Call ``on_wait`` once, with the first error.

        ``InDoubt`` and ``LeaseLost`` are raised: what they end must not be repeated.
        """


class ReportStore(Writable, Protocol):
    """Reports that are not delivered yet."""

    async def pending(self, account: str, target: str = POST_API) -> list[tuple[int, str]]:
        """Return id and chat of the reports that can be delivered to a target now, oldest first."""

    async def pending_report(
        self, account: str, report_id: int, target: str = POST_API
    ) -> Report | None:
        """Return a report whose delivery to this target is pending; None once that has ended."""

    async def targets_waited_for(self, account: str) -> list[str]:
        """Return the names of the targets with pending deliveries."""

    async def held(self, account: str) -> list[Report]:
        """Return the reports whose media is incomplete, and those behind them, oldest first."""

    async def body_of(self, account: str, dedupe: str) -> bytes | None:
        """Return the body of the report with this ``dedupe``."""


class ReportLog(Protocol):
    """All reports that are still stored."""

    async def published(self, account: str, after: int, *, rows: int, size: int) -> ReportPage:
        """Return up to ``rows`` published reports after an id, of ``size`` bytes in all, but at least one."""

    async def newest_published(self, account: str) -> int:
        """Return the id of the newest published report; 0 if there was never one."""

    async def published_report(self, account: str, seq: int) -> StoredReport | None:
        """Return one published report by its sequence number."""

    async def report(self, account: str, report_id: int) -> StoredReport | None:
        """Return one report, wherever its deliveries are."""

    async def log(self, account: str, *, before: int = MAX_SEQ, limit: int) -> list[StoredReport]:
        """Return an account's published reports with a sequence number below ``before``, newest first."""

    async def messages(
        self, account: str, chat: str | None, *, before: int = MAX_SEQ, rows: int, size: int
    ) -> MessagePage:
        """Return published messages with a sequence number below ``before``, of one chat or (None) of all.

        Up to ``rows`` reports are read, of ``size`` bytes in all, but at least one.
        """

    async def chats(self, account: str, *, limit: int) -> list[StoredReport]:
        """Return the newest published report of each chat, the latest first."""

    async def bodies(self, account: str, ids: Sequence[int]) -> dict[int, bytes]:
        """Return the stored bodies of reports by id."""

    async def counts(self, account: str, *, within_s: float) -> Counts:
        """Count what an account did in the last ``within_s`` seconds."""


class SendStore(Writable, Protocol):
    """Sends that are accepted and not finished."""

    async def waiting_sends(self, account: str) -> list[Send]:
        """Return the sends that are not finished, oldest first."""


class DeliveryStore(Writable, Protocol):
    """Deliveries by status. ``target`` None: to all targets."""

    async def failed(
        self, account: str, *, target: str | None = None, limit: int = 100
    ) -> list[ListedDelivery]:
        """Return the failed deliveries, newest first. ``WriteBatch.retried`` makes them pending again."""

    async def count_failed(self, account: str) -> int:
        """Count the failed deliveries."""

    async def waiting(
        self, account: str, *, target: str | None = None, limit: int = 100
    ) -> list[ListedDelivery]:
        """Return the deliveries that have not ended, the oldest report's first."""

    async def delivered(
        self, account: str, *, target: str | None = None, limit: int = 100
    ) -> list[ListedDelivery]:
        """Return the deliveries that were accepted, newest first."""

    async def deliveries(self, account: str, report_id: int) -> list[ListedDelivery]:
        """Return all deliveries of a report, by the names of their targets."""


class KeyValue(Writable, Protocol):
    """State, media and keys of an account, as ``WriteBatch`` stored them."""

    async def state(self, account: str) -> dict[str, bytes]:
        """Return the account's state."""

    async def media(self, account: str, key: str) -> bytes | None:
        """Return what is known of a media."""

    async def keys_of(self, account: str, key: str) -> dict[str, bytes]:
        """Return the row of a key and those whose keys are ``<key> <anything>``, unless they are pruned by now."""


class AccountStore(Protocol):
    """The accounts that the store knows of. Both changes raise what ``Writable.write`` raises."""

    async def accounts(self) -> list[AccountRecord]:
        """Return all accounts with a row, by name."""

    async def save_account(self, record: AccountRecord) -> None:
        """Add the row of an account, or replace it."""

    async def forget_account(self, account: str) -> None:
        """Delete the row of an account, if there is one. What it wrote stays."""


class Maintenance(Protocol):
    """Keeping the journal bounded."""

    async def prune(
        self, *, keep_s: float = 7 * 86400, keep: int = 10_000, keep_failed: int = 10_000
    ) -> int:
        """Delete delivered and dropped reports older than ``keep_s`` or beyond ``keep`` of an account. Count them.

        Where processes share the store, those of accounts that another one owns are left to it. Failed ones stay, up
        to ``keep_failed``; pending ones always. A report's deliveries are deleted with it. Free space is given back to
        the file system.
        """

    async def prune_media(self, *, keep_s: float) -> None:
        """Delete what is known of media for longer than ``keep_s``."""

    async def prune_keys(self, *, keep_s: float) -> None:
        """Delete records of idempotent calls that are older than ``keep_s``."""

    async def files(self, account: str) -> set[str]:
        """Return the attachments of its reports and sends that are not finished. They must not be deleted."""

    async def unfinished(self, account: str) -> tuple[int, int]:
        """Count the reports and sends that wait."""

    async def size(self) -> int:
        """Return the size of the journal on the disk, in bytes, as it was a minute ago at most.

        Raise ``JournalError`` if it is not known.
        """


class Ownership(Protocol):
    """Which process owns which account, in a store that several share. All but the properties raise ``JournalError``.

    A process owns an account from ``claim`` until ``release``, or until others have found that it is silent. It reads
    what the account has after the claim, not before; and it claims an account again only after all that ran for it in
    a former term has ended. A write for an account that it does not own raises ``LeaseLost``. A process that is no
    member (opened without ``NodeOptions``) owns nothing.
    """

    @property
    def node(self) -> str:
        """The name of this process."""

    @property
    def incarnation(self) -> UUID:
        """The membership of this process. Another one follows after it was declared dead."""

    @property
    def lease(self) -> Lease:
        """How long this process may act for its accounts."""

    @property
    def owned(self) -> list[str]:
        """The accounts that this process owns, by name."""

    @property
    def own_account(self) -> str:
        """The account for what this process stores of itself; it is owned by itself, and not among ``owned``."""

    @property
    def former(self) -> frozenset[str]:
        """The accounts that a former process of the same home owned when this one joined."""

    def gate(self, account: str) -> Gate:
        """Return the gate of an owned account. It closes when the account is lost or released. Raise ``LeaseLost``."""

    async def view(self) -> ClusterView:
        """Return the members and the accounts as they are now."""

    async def until_hinted(self, within_s: float) -> None:
        """Wait until a member says that something has changed, or so many seconds. One waits at a time."""

    async def claim(self, accounts: Sequence[str]) -> list[str]:
        """Begin to own those of these accounts that no other member owns. Return those that this process owns now."""

    async def release(self, account: str, *, to: str = "") -> None:
        """End the ownership of an account whose writes have all returned. ``to``: the node that shall take it.

        It has ended here at once; others may claim it now, or after the next beat if PostgreSQL does not answer.
        Raise ``LeaseLost`` for an account that is not owned.
        """

    async def replace_account(self, former: AccountRecord | None, record: AccountRecord) -> bool:
        """Save the row of an account as ``save_account`` does, but only over ``former``; None where there is no row.

        False if another process has changed it since ``former`` was read.
        """

    async def assign(self, account: str, node: str) -> bool:
        """Name the node that shall own an account next: its owner hands it over. False if there is no such account."""

    async def set_draining(self, node: str, *, is_draining: bool) -> bool:
        """Set whether a node hands its accounts over, and takes none, also after a restart.

        False for a name that no node ever had here.
        """

    async def begin_to_leave(self) -> None:
        """Say that this process takes no accounts any more, and hands over what it has. It ends with its membership."""


class Visits(Protocol):
    """Logins to the console, which each process accepts. All raise ``JournalError``."""

    async def begin(self, digest: bytes, visit: Visit, lasts_s: float) -> None:
        """Begin a visit whose cookie has this digest. It ends by itself after ``lasts_s`` seconds."""

    async def end(self, digest: bytes) -> None:
        """End a visit, if there is one."""

    async def find(self, digest: bytes) -> Visit | None:
        """Return a visit that has not ended."""


class Journal(
    ReportStore,
    ReportLog,
    SendStore,
    DeliveryStore,
    KeyValue,
    AccountStore,
    Maintenance,
    Protocol,
):
    """All roles of one store."""

    @property
    def ownership(self) -> Ownership | None:
        """Which process owns which account; None where this one owns all of them, for no other shares the store."""

    @property
    def visits(self) -> Visits | None:
        """Logins to the console; None where no other process shares the store."""
