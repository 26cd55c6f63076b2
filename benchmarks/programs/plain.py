"""``openwx serve`` on asyncio's own event loop, as if uvloop were not installed."""

import sys

from openwx import cli

if __name__ == "__main__":
    sys.modules["uvloop"] = None  # type: ignore[assignment]  # to import it is an ImportError now
    sys.exit(cli.main(["serve"]))
