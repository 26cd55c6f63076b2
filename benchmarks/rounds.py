"""Two programs measured side by side: a round of the one, a round of the other, again and again."""

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Sample:
    """So many pieces of work in so many seconds, and the CPU seconds that the program used for them."""

    count: float
    wall_s: float
    cpu_s: float

    @property
    def rate(self) -> float:
        return self.count / self.wall_s

    @property
    def cost_us(self) -> float:
        """Microseconds of CPU a piece."""
        return self.cpu_s / self.count * 1e6


@dataclass(frozen=True, slots=True)
class Pairs:
    """The rounds: ours and, right before or after it, theirs."""

    ours: list[Sample]
    theirs: list[Sample]

    @property
    def rates(self) -> list[float]:
        """Our rate ÷ theirs, a round each."""
        return [a.rate / b.rate for a, b in zip(self.ours, self.theirs, strict=True)]

    @property
    def costs(self) -> list[float]:
        """Our CPU time a piece ÷ theirs."""
        return [a.cost_us / b.cost_us for a, b in zip(self.ours, self.theirs, strict=True)]


async def interleaved(
    rounds: int, ours: Callable[[], Awaitable[Sample]], theirs: Callable[[], Awaitable[Sample]]
) -> Pairs:
    """A round of each to warm up, then ``rounds`` of each; who comes first changes every time."""
    pairs = Pairs([], [])
    await ours()
    await theirs()
    for number in range(rounds):
        if number % 2:
            pairs.theirs.append(await theirs())
            pairs.ours.append(await ours())
        else:
            pairs.ours.append(await ours())
            pairs.theirs.append(await theirs())
    return pairs


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest rank: a value that was measured."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def middle(values: Sequence[float]) -> float:
    return median(values)


def low(values: Sequence[float]) -> float:
    """p10: the bad end of what shall be big."""
    return percentile(values, 10)


def high(values: Sequence[float]) -> float:
    """p90: the bad end of what shall be small."""
    return percentile(values, 90)
