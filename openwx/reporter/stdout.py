"""``post_stdout``: each upload as one JSON line on stdout. A full pipe blocks nobody."""

import asyncio
import logging
import sys
from collections.abc import Iterable

from openwx import metrics
from openwx.reporter import attachment as attached
from openwx.reporter.post import webhook_id_of
from openwx.safetext import in_json_bytes
from openwx.store.records import Report

log = logging.getLogger("openwx.report")

_MOST_LINES = 10_000


class StdoutWriter:
    """``run`` writes what ``put`` was given; beyond 10,000 waiting lines, the newest are left out."""

    def __init__(self) -> None:
        self._uploads: asyncio.Queue[Report] = asyncio.Queue(_MOST_LINES)
        self._left_out = 0
        """So many since the log was told last."""

    def put(self, upload: Report) -> None:
        try:
            self._uploads.put_nowait(upload)
        except asyncio.QueueFull:
            self._left_out += 1
            level = logging.WARNING if self._left_out == 1 else logging.DEBUG
            words = "stdout is read too slowly: %s is left out there"
            metrics.dropped(log, "stdout", words, webhook_id_of(upload), level=level)

    async def run(self) -> None:
        """Write for ever; what is left at the end is given up."""
        try:
            await self._write_all()
        finally:
            if left := self._uploads.qsize():
                words = "%d uploads are not written to stdout any more"
                metrics.dropped(log, "stdout", words, left, count=left)

    async def _write_all(self) -> None:
        while True:
            uploads = [await self._uploads.get()]
            while not self._uploads.empty():
                uploads.append(self._uploads.get_nowait())
            try:
                await asyncio.to_thread(_write, uploads)
            except (OSError, ValueError) as error:
                words = "%d uploads cannot be written to stdout: %s"
                metrics.dropped(log, "stdout", words, len(uploads), error, count=len(uploads))
            for _ in uploads:
                self._uploads.task_done()
            if self._left_out > 1:
                log.warning("%d uploads were left out on stdout by now", self._left_out)
            self._left_out = 0

    async def drained(self) -> None:
        await self._uploads.join()


def _write(uploads: Iterable[Report]) -> None:
    for upload in uploads:
        body = upload.body
        if upload.attachment:
            body = attached.whole(body, upload.attachment)
        sys.stdout.buffer.write(in_json_bytes(body.replace(b"\n", b" ")) + b"\n")
    sys.stdout.buffer.flush()
