"""How long to wait before a report is tried again. ``Reporter`` asks."""

import itertools
from collections.abc import Callable, Iterator

import msgspec

from openwx import backoff
from openwx.timing import Timing


class Pauses(msgspec.Struct, frozen=True):
    """The back-offs of deliveries. Each call begins with the first pause."""

    outage: Callable[[], Iterator[float]]
    """While the backend is unavailable."""
    refused: Callable[[], Iterator[float]]
    """After a refusal: five tries within about 15 seconds."""
    silent: Callable[[], Iterator[float]]
    """After no answer: five tries within about three minutes, longer than a restart of a backend takes."""
    gather_s: float
    """How long a retried report waits for older ones of its chat that are retried, too, in seconds."""


def of(timing: Timing) -> Pauses:
    """Return the pauses that the timing asks for."""
    return Pauses(
        timing.backoff,
        lambda: backoff.steps(timing.refused_s),
        lambda: backoff.steps(timing.silent_s),
        timing.gather_s,
    )


def after(tries: int, pauses: Callable[[], Iterator[float]]) -> float:
    """Return the pause after so many tries."""
    return next(itertools.islice(pauses(), tries - 1, None))
