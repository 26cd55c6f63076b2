"""``post_stdout``: each upload as one JSON line on stdout. A full pipe blocks nobody."""

import asyncio
import logging
import sys

log = logging.getLogger("openwx.report")

_MOST_LINES = 10_000


class Echo:
    """``run`` writes what ``put`` was given; beyond 10,000 waiting lines, the newest are left out."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[bytes] = asyncio.Queue(_MOST_LINES)
        self._left_out = 0

    def put(self, body: bytes) -> None:
        try:
            self._lines.put_nowait(body.replace(b"\n", b" ") + b"\n")
        except asyncio.QueueFull:
            if not self._left_out:
                log.warning("stdout is read too slowly: uploads are left out there")
            self._left_out += 1

    async def run(self) -> None:
        while True:
            lines = [await self._lines.get()]
            while not self._lines.empty():
                lines.append(self._lines.get_nowait())
            try:
                await asyncio.to_thread(_write, b"".join(lines))
            except (OSError, ValueError) as error:
                log.warning("uploads cannot be written to stdout: %s", error)
            for _ in lines:
                self._lines.task_done()

    async def drained(self) -> None:
        await self._lines.join()


def _write(lines: bytes) -> None:
    sys.stdout.buffer.write(lines)
    sys.stdout.buffer.flush()
