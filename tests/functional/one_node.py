"""Runs one node in a process of its own, as ``openwx serve`` does, with the settings of a test: its lease is shorter
than a configuration may say."""

import asyncio
import pickle
import signal
import sys
from pathlib import Path

from openwx import logs, service
from openwx.config import Settings

from .world import PACE


async def main(settings: Settings) -> None:
    """Run until SIGTERM."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await service.serve(settings, pace=PACE)


if __name__ == "__main__":
    chosen = pickle.loads(Path(sys.argv[1]).read_bytes())
    logs.set_up(chosen.log_level)
    asyncio.run(main(chosen))
