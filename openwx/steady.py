"""A clock that is never set. What measures time between processes or for long asks it."""

import time

_BOOT = getattr(time, "CLOCK_BOOTTIME", None)
"""Linux has it."""


def steady() -> float:
    """Return seconds of a clock that is never set, and goes on while the machine sleeps."""
    return time.monotonic() if _BOOT is None else time.clock_gettime(_BOOT)
