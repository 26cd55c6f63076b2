"""What is checked: the model in several sizes, and mutants, in each of which one rule is missing."""

from typing import NamedTuple


class Run(NamedTuple):
    """One check of a file of the model. ``breaks``: a part of the assertion that a mutant breaks; empty: none may."""

    file: str
    defines: tuple[str, ...]
    breaks: str = ""
    is_quick: bool = True

    @property
    def name(self) -> str:
        return " ".join((self.file, *self.defines))


def _size(nodes: int, accounts: int, *more: str) -> tuple[str, ...]:
    return (f"NODES={nodes}", f"ACCOUNTS={accounts}", *more)


# PLAIN, SORTED: without the reductions that the larger sizes need, or with one of them, to compare.
MODEL = (
    Run("ownership", _size(2, 1)),
    Run("ownership", _size(2, 1, "LEASE=2")),
    Run("ownership", _size(2, 2)),
    Run("ownership", _size(2, 1, "PLAIN"), is_quick=False),
    Run("ownership", _size(3, 2), is_quick=False),
    Run("ownership", _size(2, 2, "LEASE=2"), is_quick=False),
    Run("ownership", _size(3, 2, "SORTED", "ONE_LATE"), is_quick=False),
    Run("journal", _size(2, 1, "UNITS=3")),
    Run("journal", _size(2, 2, "UNITS=1")),
    Run("journal", _size(2, 1, "UNITS=3", "PLAIN"), is_quick=False),
    Run("journal", _size(2, 2, "UNITS=1", "PLAIN"), is_quick=False),
    Run("journal", _size(3, 2, "UNITS=3"), is_quick=False),
    Run("turns", _size(2, 2)),
    Run("turns", _size(2, 2, "OUTAGE")),
    Run("turns", _size(2, 2, "PLAIN"), is_quick=False),
    Run("turns", _size(2, 2, "OUTAGE", "PLAIN"), is_quick=False),
    Run("turns", _size(3, 2), is_quick=False),
    Run("turns", _size(3, 2, "OUTAGE"), is_quick=False),
)

_TWO_OPEN = "open<=1"
_LATE_CALL = "superseded"
_OLD_TERM = "its_term"
_TWICE = "!(((stored[n]>>i)&1))"
_IDS = "last_id"
_MISSING = "stored[n]&accounts[n])==accounts[n]"
_DENIED = "denied"
_DENIED_THOUGH_STORED = "!((stored[n]&accounts[n]))"
_MOVED = "assertion violated 0"

MUTANTS = (
    Run("ownership", _size(2, 1, "NO_GATE"), _TWO_OPEN),
    Run("ownership", _size(2, 1, "NO_DEADLINE"), _TWO_OPEN),
    Run("ownership", _size(2, 1, "DEADLINE=2"), _TWO_OPEN),
    Run("ownership", _size(2, 1, "FROM_THE_ANSWER"), _TWO_OPEN),
    Run("ownership", _size(2, 1, "CLOCKS_COMPARED"), _TWO_OPEN),
    Run("ownership", _size(2, 1, "GOES_ON_AFTER_RELEASE"), _TWO_OPEN),
    Run("ownership", _size(2, 1, "RELEASE_WITHOUT_EPOCH"), _TWO_OPEN),
    Run("ownership", _size(2, 1, "JOIN_BY_HOME"), _TWO_OPEN),
    Run("ownership", _size(2, 1, "KEEPS_ACCOUNTS"), _TWO_OPEN),
    Run("ownership", _size(2, 1, "SORTED", "BEATS_FOR_ANY"), _TWO_OPEN),
    Run("ownership", _size(2, 1, "SORTED", "RELEASES_FOR_ANY"), _TWO_OPEN),
    Run("ownership", _size(2, 1, "NO_DEADLINE", "CALLS_ALONE"), _LATE_CALL),
    Run("ownership", _size(2, 1, "RELEASE_WITHOUT_EPOCH", "CALLS_ALONE"), _LATE_CALL),
    Run("journal", _size(2, 1, "NO_FENCE"), _OLD_TERM),
    Run("journal", _size(2, 1, "NO_UNIT"), _TWICE),
    Run("journal", _size(2, 1, "IDS_OF_A_SEQUENCE"), _IDS),
    Run("journal", _size(2, 1, "DENIED_IN_DOUBT"), _DENIED),
    Run("journal", _size(2, 1, "REFUSED_IS_DENIED"), _DENIED_THOUGH_STORED),
    Run("journal", _size(2, 1, "NEWER_BEFORE_DOUBTFUL"), _MISSING),
    Run("journal", _size(2, 1, "EMPTY_TAKEN_AS_DONE"), _MISSING),
    Run("turns", _size(2, 2, "OUTAGE", "NOT_ANEW"), _MOVED),
    Run("turns", _size(2, 2, "OUTAGE", "ANEW_BY_GAP_ALONE"), _MOVED),
    Run("turns", _size(2, 1, "NO_DEADLINE"), _TWO_OPEN),
    Run("turns", _size(2, 1, "KEEPS_ACCOUNTS"), _TWO_OPEN),
    Run("turns", _size(2, 1, "BEATS_UNREAD"), _TWO_OPEN),
    Run("turns", _size(2, 1, "LIMIT=7"), "calm_for"),
)
