"""``openwx serve`` with a lease that may be shorter than the configuration allows: ``python -m … FILE LEASE_S``.
``node`` starts it.
"""

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from openwx.config import Settings, load
from openwx.errors import NotNowError
from openwx.service import serve

from .node import NOT_NOW


def main(file: Path, lease_s: float) -> None:
    settings = load(file, os.environ, {}).settings
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    short = {"lease": lease_s, "join_pause": lease_s / 3}
    cluster = settings.cluster.model_copy(update=short)
    try:
        asyncio.run(_until_signalled(settings.model_copy(update={"cluster": cluster})))
    except* NotNowError as errors:
        logging.getLogger("openwx").warning("it cannot start now: %s", errors.exceptions[0])
        sys.exit(NOT_NOW)


async def _until_signalled(settings: Settings) -> None:
    task = asyncio.ensure_future(serve(settings))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await task


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
