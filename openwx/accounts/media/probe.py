"""Whether the folder of media is one and the same on several nodes, as ``media.store = "folder"`` needs it.

Each node writes a probe, named after its membership, which nobody else can know before: who finds it has the same
folder. A node that finds those of half of all nodes or fewer, its own among them, takes no account: so one that has
another folder than the rest stands alone, and of two that differ neither takes any.
"""

import asyncio
import logging
import time
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

from openwx.throttle import Throttle

log = logging.getLogger("openwx.media")

_ANEW_S = 3600.0
"""The age at which a node writes its probe anew, in seconds: the folder is cleaned by age."""
_LOG_EVERY_S = 600.0
_PATIENCE_S = 2.0
_LOOKS_BEFORE_LOG = 3


class SharedFolder:
    """The folder of media at ``path``, as far as other nodes must have it, too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._throttle = Throttle(_LOG_EVERY_S)
        self._asked = 0
        """How many nodes the last look was for, this one among them."""
        self._strangers = ""
        """What is wrong with others, as of the last look."""
        self._looks_in_vain = 0
        self._looking: asyncio.Task[list[UUID]] | None = None
        self.trouble = ""
        """Why this node may take no account, as of the last look; empty while it may."""

    async def look(self, own: UUID, others: Iterable[UUID]) -> str:
        """Write the probe of this node, look for those of the others, and return ``trouble``."""
        if self._looking is None:
            asked = {own, *others}
            self._asked = len(asked)
            work = asyncio.to_thread(self._look, own, sorted(asked - {own}))
            self._looking = asyncio.create_task(work, name="the folder of media")
        await asyncio.wait({self._looking}, timeout=_PATIENCE_S)
        if self._looking.done():
            looked, self._looking = self._looking, None
            self.trouble = self._judge(looked)
        else:  # the thread waits for a mount that is away; there is never another one
            self.trouble = f"{self._path} does not answer"
        words = f"{self.trouble}: this node takes no account" if self.trouble else self._strangers
        self._looks_in_vain = self._looks_in_vain + 1 if words else 0
        # A node that has just joined may not have written its probe yet.
        if self._looks_in_vain >= _LOOKS_BEFORE_LOG and self._throttle.allows(words):
            log.error("%s", words)
        return self.trouble

    def _judge(self, looked: asyncio.Task[list[UUID]]) -> str:
        self._strangers = ""
        try:
            missing = looked.result()
        except OSError as error:
            return f"{self._path} cannot be used: {error.strerror or error}"
        words = (
            f"{self._path} is not the folder of media of {len(missing)} of {self._asked} nodes: mount the same one on"
            " all of them, or choose another media.store"
        )
        if 2 * len(missing) >= self._asked:
            return words
        self._strangers = words if missing else ""
        return ""

    def _look(self, own: UUID, others: list[UUID]) -> list[UUID]:
        probe = self._probe(own)
        self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not probe.is_file() or probe.stat().st_mtime < time.time() - _ANEW_S:
            probe.write_bytes(b"")
            probe.touch()
        return [one for one in others if not self._probe(one).is_file()]

    def _probe(self, incarnation: UUID) -> Path:
        return self._path / f".node-{incarnation}"
