"""Whether the folder of media is one and the same on several nodes, as ``media.store = "folder"`` needs it.

Each node writes a probe, named after its membership, which nobody else can know before: who finds it has the same
folder. A node that does not find those of all others takes no account.
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


class SharedFolder:
    """The folder of media at ``path``, as far as other nodes must have it, too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._throttle = Throttle(_LOG_EVERY_S)
        self.trouble = ""
        """Why this node may take no account, as of the last look; empty while it may."""

    async def look(self, own: UUID, others: Iterable[UUID]) -> str:
        """Write the probe of this node, look for those of the others, and return ``trouble``."""
        try:
            missing = await asyncio.to_thread(self._look, own, [*others])
            self.trouble = _words(self._path, missing) if missing else ""
        except OSError as error:
            self.trouble = f"{self._path} cannot be used: {error.strerror or error}"
        if self.trouble and self._throttle.allows(self.trouble):
            log.error("%s: this node takes no account", self.trouble)
        return self.trouble

    async def leave(self, own: UUID) -> None:
        """Remove the probe of this node, if it can be reached."""
        try:
            await asyncio.to_thread(self._probe(own).unlink, missing_ok=True)
        except OSError as error:
            log.info("%s: the probe of this node stays: %s", self._path, error)

    def _look(self, own: UUID, others: list[UUID]) -> list[UUID]:
        probe = self._probe(own)
        self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not probe.is_file() or probe.stat().st_mtime < time.time() - _ANEW_S:
            probe.write_bytes(b"")
            probe.touch()
        return [one for one in others if one != own and not self._probe(one).is_file()]

    def _probe(self, incarnation: UUID) -> Path:
        return self._path / f".node-{incarnation}"


def _words(path: Path, missing: list[UUID]) -> str:
    return (
        f"{path} is not the folder of media of {len(missing)} other nodes: mount the same one on all of them, or"
        " choose another media.store"
    )
