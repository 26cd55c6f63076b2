"""A clock that is never set. What measures time between processes or for long asks it."""

import time


def steady() -> float:
    """Return seconds of a clock that is never set, and goes on while the machine sleeps."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)
