"""The accounts that this process owns, and its counts for each: units, and ids from the highest at the claim.
``Owning`` begins and ends them.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID, uuid4

import msgspec

from openwx.errors import LeaseLost
from openwx.lease import Gate, Lease


class Term(msgspec.Struct, eq=False):
    """The time in which one process owns an account. ``last_report`` is the highest id or sequence number."""

    epoch: int
    unit: int
    last_report: int
    last_send: int

    def next_unit(self) -> int:
        """Count a write."""
        self.unit += 1
        return self.unit

    def next_report(self) -> int:
        """Count a report. Newer reports have higher ids and sequence numbers, which share one count."""
        self.last_report += 1
        return self.last_report

    def next_send(self) -> int:
        """Count a send."""
        self.last_send += 1
        return self.last_send


class Terms:
    """The terms of one process, by account, each with a gate.

    ``incarnation`` is its membership; there are no terms when it changes.
    """

    def __init__(self, lease: Lease) -> None:
        self.incarnation = uuid4()
        self._lease = lease
        self._terms: dict[str, Term] = {}
        self._gates: dict[str, Gate] = {}

    def __contains__(self, account: str) -> bool:
        return account in self._terms

    def has(self, account: str, term: Term) -> bool:
        """Return whether a term is not over."""
        return self._terms.get(account) is term

    def of(self, account: str) -> Term:
        """Return the term of an account. Raise ``LeaseLost`` if this process does not own it."""
        try:
            return self._terms[account]
        except KeyError:
            raise _not_owned(account) from None

    def gate(self, account: str) -> Gate:
        """Return the gate of an account. Raise ``LeaseLost`` if this process does not own it."""
        try:
            return self._gates[account]
        except KeyError:
            raise _not_owned(account) from None

    @property
    def accounts(self) -> list[str]:
        """The accounts that this process owns, by name."""
        return sorted(self._terms)

    def not_among(self, epochs: Mapping[str, int]) -> list[str]:
        """Return the accounts that this process owns in another term than these, or that are not among them."""
        return [
            account for account, term in self._terms.items() if epochs.get(account) != term.epoch
        ]

    def begin(self, account: str, term: Term) -> None:
        """Note that an account was claimed: its gate opens with the lease."""
        self._terms[account] = term
        self._gates[account] = Gate(self._lease)

    def end(self, accounts: Iterable[str]) -> None:
        """Note that accounts are not owned any more, for whatever reason: their gates close."""
        for account in accounts:
            self._terms.pop(account, None)
            if gate := self._gates.pop(account, None):
                gate.close()

    def lose(self, account: str, term: Term) -> None:
        """Note that a term is over. A later one of the same account is not."""
        if self.has(account, term):
            self.end([account])

    def renew(self, incarnation: UUID) -> None:
        """Begin another membership, without terms."""
        self.end(self.accounts)
        self.incarnation = incarnation


def _not_owned(account: str) -> LeaseLost:
    return LeaseLost(f"this process does not own the account {account}")
