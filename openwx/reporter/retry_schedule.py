"""How long to wait before an upload is tried again."""

import itertools
import random
from collections.abc import Callable, Iterator

import msgspec

from openwx.timing import Timing


def fixed_pauses(pauses_s: tuple[float, ...]) -> Iterator[float]:
    """These, with jitter; then the last one for ever."""
    for pause_s in itertools.chain(pauses_s, itertools.repeat(pauses_s[-1])):
        yield pause_s * random.uniform(0.9, 1.1)


class Pauses(msgspec.Struct, frozen=True):
    """Each makes pauses from the first one on, in seconds."""

    outage: Callable[[], Iterator[float]]
    """While nobody is there."""
    refused: Callable[[], Iterator[float]]
    """After a backend's own word: five tries within some 15 seconds."""
    silent: Callable[[], Iterator[float]]
    """After no answer: five tries within some three minutes, longer than a backend is away to be started anew."""
    gather_s: float
    """What is to be sent again waits so long for older ones of its chat that are to be sent again, too."""


def of(pace: Timing) -> Pauses:
    return Pauses(
        pace.backoff,
        lambda: fixed_pauses(pace.refused_s),
        lambda: fixed_pauses(pace.silent_s),
        pace.gather_s,
    )


def after(tries: int, pauses: Callable[[], Iterator[float]]) -> float:
    """The pause after so many tries."""
    return next(itertools.islice(pauses(), tries - 1, None))
