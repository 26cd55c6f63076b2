"""A program that follows the stream of one account, at one node after the other, from the last id on.
``run`` starts one for each account.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from openwx.client import Client
from openwx.client.errors import CallFailed

from .node import Node

_AT_ONE_NODE_S = 10.0
"""How long it stays with a node, in seconds."""
_PAUSE_S = 0.1


class _Uid(msgspec.Struct):
    uid: str


class Listener:
    """What it read, in order. It reads from the beginning of the journal on."""

    def __init__(self, account: str, nodes: Sequence[Node], seed: str) -> None:
        self.uids: list[str] = []
        self._account = account
        self._nodes = nodes
        self._draw = random.Random(seed)
        self._last_id = 0
        self._wrong: list[str] = []

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            node = self._draw.choice(self._nodes)
            try:
                async with asyncio.timeout(_AT_ONE_NODE_S):
                    await self._follow(node)
            except (CallFailed, TimeoutError):
                await asyncio.sleep(_PAUSE_S)

    async def _follow(self, node: Node) -> None:
        async with Client(node.url, account=self._account) as client:
            frames = client.frames(after=self._last_id, type="receive_message")
            try:
                async for frame in frames:
                    self._take(frame.name, frame.data, frame.id)
            finally:
                await frames.aclose()

    def _take(self, name: str, data: bytes, id_: int | None) -> None:
        if name == "missed":
            self._wrong.append(f"the stream missed something after {self._last_id}: {data!r}")
        elif data and name != "end":
            if id_ is None or id_ <= self._last_id:
                self._wrong.append(f"the stream gave {id_} after {self._last_id}")
            self.uids.append(msgspec.json.decode(data, type=_Uid).uid)
        if id_ is not None:
            self._last_id = id_

    def lacks(self, arrived: Sequence[str]) -> set[str]:
        """Return those of the reports that arrived, by uid, that the stream has not given yet."""
        return set(arrived) - set(self.uids)

    def complaints(self, arrived: Sequence[str]) -> Iterator[str]:
        """List what the stream gave twice, out of order or not at all."""
        yield from self._wrong
        yield from (f"{uid}: streamed {n} times" for uid, n in Counter(self.uids).items() if n > 1)
        yield from (
            f"{uid}: arrived, and was never streamed" for uid in sorted(self.lacks(arrived))
        )
