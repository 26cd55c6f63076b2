"""``python -m openwx`` is ``openwx``."""

import sys

from openwx.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
