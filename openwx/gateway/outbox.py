"""Deliveries to ``post_api`` that failed: looked at, sent again, or dropped."""

import logging
from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from openwx import metrics
from openwx.errors import CallerError, Code
from openwx.gateway import keeping
from openwx.report.journal import Journal, JournalError, KeptUpload, ListedUpload, Unit
from openwx.report.records import Upload, Written

log = logging.getLogger("openwx.report")

MOST = 1000
"""Deliveries in one list."""


class Outbox:
    """One account's. ``put`` hands what is to be sent again to whoever delivers; nobody where nobody does.
    ``trouble`` tells the last status and error of the upload that is being tried in a chat."""

    def __init__(
        self,
        account: str,
        journal: Journal,
        put: Callable[[Iterable[Upload]], None] | None = None,
        trouble: Callable[[str], tuple[int, str]] = lambda _: (0, ""),
    ) -> None:
        self._account = account
        self._journal = journal
        self._put = put
        self._trouble = trouble

    async def failed(self, limit: int = MOST) -> list[ListedUpload]:
        """Those that were given up, newest first."""
        return await self._journal.failed(self._account, limit=limit)

    async def count_failed(self) -> int:
        """How many were given up, and are kept. Raises ``CallerError`` (-5) where the journal cannot be read."""
        try:
            return await self._journal.failures(self._account)
        except JournalError as error:
            raise keeping.not_kept(error, "not counted") from error

    async def waiting(self, limit: int = MOST) -> list[ListedUpload]:
        """Those that are still tried, oldest first. Of each chat the first one tells how its last try ended."""
        listed = await self._journal.waiting(self._account, limit=limit)
        heads = {upload.chat: upload.id for upload in reversed(listed)}
        return [
            self._with_trouble(upload) if heads[upload.chat] == upload.id else upload
            for upload in listed
        ]

    def _with_trouble(self, upload: ListedUpload) -> ListedUpload:
        status, error = self._trouble(upload.chat)
        return replace(upload, status=status, error=error) if error else upload

    async def delivered(self, limit: int = MOST) -> list[KeptUpload]:
        """Those that ``post_api`` took, newest first, for as long as they are kept."""
        return await self._journal.delivered(self._account, limit=limit)

    async def show(self, upload_id: int) -> tuple[ListedUpload, bytes]:
        """One of either, and its body. Raises ``CallerError`` (100)."""
        found = await self._journal.listed(self._account, upload_id)
        if found is None:
            raise _not_found(upload_id)
        return found

    async def retry(self, ids: Sequence[int] | None) -> int:
        """Send failed ones again, as if they were made now; all of them where no ids are given. How many.

        Raises ``CallerError``: 100 for one that has not failed, -5 where it cannot be kept.
        """
        unit = Unit(account=self._account, again=await self._chosen(ids))
        written = await self._write(unit)
        log.info("%s: %d failed deliveries are sent again", self._account, len(written.again))
        if self._put is not None:
            self._put(written.again)
        return len(written.again)

    async def drop(self, ids: Sequence[int] | None) -> int:
        """Forget failed ones; all of them where no ids are given. How many. Raises as ``retry`` does."""
        unit = Unit(account=self._account, dropped=await self._chosen(ids))
        written = await self._write(unit)
        for upload_id in written.dropped:
            words = "%s: the failed delivery %d was dropped on request"
            metrics.dropped(log, "dropped_delivery", words, self._account, upload_id)
        return len(written.dropped)

    async def _chosen(self, ids: Sequence[int] | None) -> list[int]:
        if ids is None:
            return [upload.id for upload in await self.failed(1_000_000)]
        for upload_id in ids:
            upload, _ = await self.show(upload_id)
            if not upload.settled:
                raise CallerError(
                    Code.NOT_POSSIBLE, f"delivery {upload_id} has not failed: it is still tried"
                )
        return list(dict.fromkeys(ids))

    async def _write(self, unit: Unit) -> Written:
        try:
            return await self._journal.write(unit)
        except JournalError as error:
            raise keeping.not_kept(error, "not done") from error


def _not_found(upload_id: int) -> CallerError:
    return CallerError(Code.NOT_FOUND, f"there is no delivery {upload_id} that failed or waits")
