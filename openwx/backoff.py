"""Pauses between tries, in seconds. Each iterator begins with the first pause and never ends."""

import itertools
import random
from collections.abc import Iterator, Sequence


def doubling(first_s: float, max_s: float) -> Iterator[float]:
    """Double the pause each time, up to ``max_s``, less up to a fifth at random."""
    pause_s = first_s
    while True:
        yield pause_s * random.uniform(0.8, 1.0)
        pause_s = min(pause_s * 2, max_s)


def steps(pauses_s: Sequence[float]) -> Iterator[float]:
    """Follow a list, a tenth more or less at random, then repeat its last pause."""
    for pause_s in itertools.chain(pauses_s, itertools.repeat(pauses_s[-1])):
        yield pause_s * random.uniform(0.9, 1.1)
