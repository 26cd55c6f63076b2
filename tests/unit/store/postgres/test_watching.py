"""When a member is taken for dead: as one that watches it sees it, on a clock of its own."""

from typing import Any
from uuid import uuid4

import pytest

from openwx.store.postgres.ownership import Beat
from openwx.store.postgres.watching import Watch

LEASE_S = 10.0
EVERY_S = 2.0
ME = uuid4()


class Watcher:
    """Looks at one other member."""

    def __init__(self, *, their_lease_s: float = LEASE_S) -> None:
        self.now = 5000.0
        self.beat = 1
        self._their_lease_s = their_lease_s
        self._watch = Watch(LEASE_S)

    def sees_it_dead(self, *, after_s: float = EVERY_S, takes_s: float = 0.0, by: int = 1) -> bool:
        """Look once: so long after the last time, with an answer that takes so long, by this connection."""
        self.now += after_s
        asked_at = self.now
        self.now += takes_s
        beat = Beat(ME, "node", self.beat, self._their_lease_s)
        dead = self._watch.dead_among([beat], asked_at=asked_at, answered_at=self.now, by=by)
        return dead == [beat]


def looks_until_dead(watcher: Watcher, **how: Any) -> float:
    """Return how long it took."""
    began = watcher.now
    assert not watcher.sees_it_dead(**how)
    first = watcher.now
    while not watcher.sees_it_dead(**how):
        assert watcher.now - began < 100 * LEASE_S
    return watcher.now - first


def test_one_whose_beat_stands_still_for_a_lease_is_dead() -> None:
    assert looks_until_dead(Watcher()) == LEASE_S


def test_one_that_beats_is_alive() -> None:
    watcher = Watcher()
    for n in range(100):
        watcher.beat += n % 4 == 0  # late, but within a lease
        assert not watcher.sees_it_dead()


def test_the_time_of_an_answer_does_not_count() -> None:
    """The beat may have been made while the answer was on its way."""
    watcher = Watcher()
    assert not watcher.sees_it_dead(takes_s=1.0)
    for _ in range(4):
        assert not watcher.sees_it_dead()
    assert not watcher.sees_it_dead(
        after_s=1.5, takes_s=1.0
    )  # 9.5 s from the answer to the question
    assert watcher.sees_it_dead(after_s=0.0)


@pytest.mark.parametrize("gap_s", [LEASE_S / 3 + 0.1, LEASE_S, 100 * LEASE_S])
def test_after_a_gap_the_watch_begins_anew(gap_s: float) -> None:
    """An outage of PostgreSQL, or a stop of this process, makes nobody dead."""
    watcher = Watcher()
    for _ in range(5):
        assert not watcher.sees_it_dead()
    assert not watcher.sees_it_dead(after_s=gap_s)
    first = watcher.now
    while not watcher.sees_it_dead():
        assert watcher.now - first < LEASE_S
    assert watcher.now - first == LEASE_S


def test_a_late_look_is_no_gap() -> None:
    watcher = Watcher()
    for _ in range(4):
        assert not watcher.sees_it_dead(after_s=1.5 * EVERY_S)
    assert watcher.sees_it_dead(after_s=EVERY_S)


def test_with_each_connection_the_watch_begins_anew() -> None:
    """Another one may have fallen into each of several short outages with its beat."""
    watcher = Watcher()
    for n in range(20):
        assert not watcher.sees_it_dead(after_s=0.4 * LEASE_S - EVERY_S, by=n)
        assert not watcher.sees_it_dead(by=n)
    first = watcher.now - EVERY_S
    while not watcher.sees_it_dead(by=19):
        assert watcher.now - first < LEASE_S
    assert watcher.now - first == LEASE_S


@pytest.mark.parametrize(("theirs", "expected"), [(3 * LEASE_S, 3 * LEASE_S), (1.0, LEASE_S)])
def test_the_longer_lease_counts(theirs: float, expected: float) -> None:
    assert looks_until_dead(Watcher(their_lease_s=theirs)) == expected


def test_one_that_joins_anew_is_watched_anew() -> None:
    watch = Watch(LEASE_S)
    for n in range(20):
        beat = Beat(uuid4(), "node", 1, LEASE_S)
        now = n * EVERY_S
        assert watch.dead_among([beat], asked_at=now, answered_at=now, by=1) == []
