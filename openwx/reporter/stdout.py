"""``post_stdout``: writes each report as one JSON line to stdout. A full pipe blocks nothing else.
``Reporters`` calls it.
"""

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

_MAX_LINES = 10_000


class StdoutWriter:
    """Writes in a task of its own. Beyond 10,000 waiting lines, new reports are left out."""

    def __init__(self) -> None:
        self._reports: asyncio.Queue[Report] = asyncio.Queue(_MAX_LINES)
        self._left_out = 0
        """Reports left out since the last warning."""

    def add(self, report: Report) -> None:
        """Have a report written."""
        try:
            self._reports.put_nowait(report)
        except asyncio.QueueFull:
            self._left_out += 1
            level = logging.WARNING if self._left_out == 1 else logging.DEBUG
            words = "stdout is read too slowly: %s is left out there"
            metrics.dropped(log, "stdout", words, webhook_id_of(report), level=level)

    async def run(self) -> None:
        """Write until cancelled. What waits then is left out."""
        try:
            await self._write_all()
        finally:
            if left := self._reports.qsize():
                words = "%d reports are no longer written to stdout"
                metrics.dropped(log, "stdout", words, left, count=left)

    async def _write_all(self) -> None:
        while True:
            reports = [await self._reports.get()]
            while not self._reports.empty():
                reports.append(self._reports.get_nowait())
            try:
                await asyncio.to_thread(_write, reports)
            except (OSError, ValueError) as error:
                words = "%d reports cannot be written to stdout: %s"
                metrics.dropped(log, "stdout", words, len(reports), error, count=len(reports))
            for _ in reports:
                self._reports.task_done()
            if self._left_out > 1:
                log.warning("%d reports were left out on stdout by now", self._left_out)
            self._left_out = 0

    async def drained(self) -> None:
        """Wait until everything is written."""
        await self._reports.join()


def _write(reports: Iterable[Report]) -> None:
    for report in reports:
        body = report.body
        if report.attachment:
            body = attached.whole(body, report.attachment)
        sys.stdout.buffer.write(in_json_bytes(body.replace(b"\n", b" ")) + b"\n")
    sys.stdout.buffer.flush()
