"""The clock as WeChat's own web client writes it into its queries. Builders of calls ask it."""

import time


def now_ms() -> int:
    """Return Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def inverted_ms() -> int:
    """Return ``~<ms>`` as a 32-bit signed number, which WeChat's own web client puts into many queries."""
    inverted = ~now_ms() & 0xFFFFFFFF
    return inverted - (1 << 32) if inverted >= 1 << 31 else inverted
