"""Two programs measured side by side, in alternating rounds, and the statistics of the rounds."""

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Sample:
    """A round of one program: its units of work, its duration and its CPU time."""

    count: float
    wall_s: float
    cpu_s: float

    @property
    def rate(self) -> float:
        return self.count / self.wall_s

    @property
    def cost_us(self) -> float:
        """CPU time for each unit of work, in microseconds."""
        return self.cpu_s / self.count * 1e6


@dataclass(frozen=True, slots=True)
class Pairs:
    """The rounds of openwx (``ours``) and of the baseline (``theirs``), in pairs."""

    ours: list[Sample]
    theirs: list[Sample]

    @property
    def rates(self) -> list[float]:
        """Our rate ÷ theirs, for each pair of rounds."""
        return [a.rate / b.rate for a, b in zip(self.ours, self.theirs, strict=True)]

    @property
    def costs(self) -> list[float]:
        """Our CPU time for each unit of work ÷ theirs, for each pair of rounds."""
        return [a.cost_us / b.cost_us for a, b in zip(self.ours, self.theirs, strict=True)]


async def interleaved(
    rounds: int, ours: Callable[[], Awaitable[Sample]], theirs: Callable[[], Awaitable[Sample]]
) -> Pairs:
    """Run one round of each to warm up, then ``rounds`` pairs in alternating order."""
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
    """Return the nearest-rank percentile, which is one of the values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def middle(values: Sequence[float]) -> float:
    return median(values)


def low(values: Sequence[float]) -> float:
    """Return the p10, the worst tenth of figures with a minimum."""
    return percentile(values, 10)


def high(values: Sequence[float]) -> float:
    """Return the p90, the worst tenth of figures with a maximum."""
    return percentile(values, 90)
