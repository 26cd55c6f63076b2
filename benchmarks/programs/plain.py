"""``openwx serve`` on asyncio's event loop, as if uvloop were not installed."""

import sys

from openwx.cli import main

if __name__ == "__main__":
    sys.modules["uvloop"] = None  # type: ignore[assignment]  # importing it now raises ImportError
    sys.exit(main.main(["serve"]))
