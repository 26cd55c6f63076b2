"""The end of a crash test: waits until nothing is missing any more, or until nothing arrives any more.
Both crash tests wait with it.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace

from .services import Receiver
from .traffic import Traffic
from .verdict import Records, complaints, is_unfinished
from .wechat import WeChat

ARRIVES_WITHIN_S = 30.0
LAST_ONES = 3
QUIET_S = 8.0
"""The time without arrivals after which missing ones are lost, in seconds."""
WRITES_AGAIN_S = 1.0
"""The time without arrivals after which people write again, where sends wait for them, in seconds."""
MOST_WAITS = 600
"""How often they do."""


class Settling:
    """Waits for the rest of one account's traffic. ``retry`` has all waiting deliveries tried now."""

    def __init__(
        self,
        wechat: WeChat,
        receiver: Receiver,
        traffic: Traffic,
        *,
        retry: Callable[[], Awaitable[None]],
        archive: Receiver | None = None,
    ) -> None:
        self._wechat = wechat
        self._receiver = receiver
        self._traffic = traffic
        self._retry = retry
        self._archive = archive

    async def run(self, ended_without_room: Collection[int] = ()) -> tuple[Records, list[str]]:
        """Return the records of the whole run, and the complaints about them."""
        last = await self._write_last_ones()
        wechat, traffic = self._wechat, self._traffic
        waits, quiet = 0, False
        while True:
            await self._retry()
            new = await self._arrivals()
            told = await wechat.told()
            missing = frozenset({last}) - told.handed_out
            records = Records(
                traffic.written, replace(told, pending=told.pending | missing),
                self._receiver.arrivals, traffic.sent, ended_without_room,
                drops_repeats=wechat.drops_repeats,
                archived=self._archive.arrivals if self._archive else None,
            )  # fmt: skip
            wrong = complaints(records)
            if not wrong or (quiet and not new):
                return records, wrong
            is_waiting = wechat.bounds_sends and waits < MOST_WAITS and is_unfinished(records)
            quiet = not await self._receiver.read_arrivals(
                WRITES_AGAIN_S if is_waiting else QUIET_S
            )
            if quiet and is_waiting:
                await traffic.everybody_writes()
                waits, quiet = waits + 1, False

    async def _write_last_ones(self) -> str:
        """Write the last messages, and return the id of the very last one.

        When it arrives, all earlier ones were handed out, or dropped by WeChat at a new login. Several are written in
        turn: a poll that was already held returns the first one even if the client never polls again.
        """
        last = ""
        for _ in range(LAST_ONES):
            last = (await self._traffic.write_once()).msg_id
            await self._retry()
            await self._receiver.wait_for_message(last, ARRIVES_WITHIN_S)
        return last

    async def _arrivals(self) -> int:
        new = await self._receiver.read_arrivals(0.0)
        return new + (await self._archive.read_arrivals(0.0) if self._archive else 0)
