"""``openwx serve`` on asyncio's own event loop, as if uvloop were not installed."""

import sys

from openwx.cli import main

if __name__ == "__main__":
    sys.modules["uvloop"] = None  # type: ignore[assignment]  # to import it is an ImportError now
    sys.exit(main.main(["serve"]))
