"""``openwx``, as ``quick``, on a machine whose wall clock is set while it runs, by the seconds in the file that
STEP_FILE names."""

import os
import time
from pathlib import Path

_file = Path(os.environ["STEP_FILE"])
_real = time.time


def _set() -> float:
    return _real() + float(_file.read_text() or 0)


if __name__ == "__main__":
    time.time = _set
    from openwx.cli.main import main
    from openwx.reporter import clock

    from .quick import hurry

    hurry()
    clock.CHECK_EVERY_S = 0.2

    raise SystemExit(main())
