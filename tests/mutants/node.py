"""A node that breaks one rule: ``python -m tests.mutants.node MUTANT FILE LEASE_S``."""

import fcntl
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from openwx.lease import Gate, Lease

_FENCE = "AND a.incarnation = me AND a.epoch = q.epoch AND a.unit < q.unit"
_BLOCK = 1000
"""How many ids a process takes from the sequence at a time."""


def no_fence() -> None:
    """Let the store take what any node writes, whoever owns the account."""
    from openwx.store.postgres import functions

    assert _FENCE in functions.ALL
    functions.ALL = functions.ALL.replace(_FENCE, "")


def no_gate() -> None:
    """Make calls whether the account is lost or not."""

    async def passed(self: Gate, within_s: float | None = None) -> None:
        """Let everything pass."""

    Gate.is_open = property(lambda self: True)  # type: ignore[method-assign, assignment]
    Gate.passed = passed  # type: ignore[method-assign]
    Gate.require_mine = lambda self: None  # type: ignore[method-assign]


def no_deadline() -> None:
    """Let a node act for its accounts until it hears that it lost them."""
    Lease.is_valid = property(lambda self: True)  # type: ignore[method-assign, assignment]


def ids_of_a_sequence() -> None:
    """Take ids from a sequence of which each process takes a block at a time."""
    from openwx.store.postgres.terms import Term

    ids = _ids(Path("sequence"))
    Term.next_report = lambda self: _noted(self, next(ids))  # type: ignore[method-assign]


def _noted(term: Any, id_: int) -> int:
    term.last_report = max(term.last_report, id_)
    return id_


def _ids(sequence: Path) -> Iterator[int]:
    while True:
        with sequence.open("a+", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            begin = len(file.read()) * _BLOCK
            file.write("x")
        yield from itertools.islice(itertools.count(begin + 1), _BLOCK)


def watching_goes_on() -> None:
    """Count the silence of others from before an outage of the store."""
    from openwx.store.postgres import watching

    watching.Watch.begin_anew = lambda self: None  # type: ignore[method-assign]


def doubt_is_failure() -> None:
    """Tell a write without an answer as not done, so that it is done again."""
    from openwx.store.base import JournalError
    from openwx.store.postgres.connections import Lost
    from openwx.store.postgres.settling import Settler

    tell = Settler._tell

    async def told(self: Settler, connection: Any, group: Any, *, in_doubt: bool) -> bool:
        try:
            return await tell(self, connection, group, in_doubt=in_doubt)
        except Lost as lost:
            group.fail(JournalError(str(lost)))
            return True

    Settler._tell = told  # type: ignore[method-assign]


def hop_again() -> None:
    """Make a call again at the next owner, although the former one may have done it."""
    from openwx.api.peers import forwarding

    insist = forwarding.Forwarding._insist

    async def insisted(self: Any, call: Any, *more: Any) -> Any:
        return await insist(self, msgspec.structs.replace(call, is_repeatable=True), *more)

    forwarding.Forwarding._insist = insisted  # type: ignore[assignment, method-assign]


MUTANTS: dict[str, Callable[[], None]] = {
    one.__name__: one
    for one in (
        no_fence,
        no_gate,
        no_deadline,
        ids_of_a_sequence,
        watching_goes_on,
        doubt_is_failure,
        hop_again,
    )
}

if __name__ == "__main__":
    MUTANTS[sys.argv[1]]()
    from openwx.crashtest.nodes import program

    program.main(Path(sys.argv[2]), float(sys.argv[3]))
