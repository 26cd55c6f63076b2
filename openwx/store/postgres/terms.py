"""The accounts that this process owns, and its counts for each: units, and ids from the highest at the claim."""

from collections.abc import Iterable
from uuid import UUID

import msgspec


class Term(msgspec.Struct):
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
    """The terms of one process, by account. ``incarnation`` is its membership."""

    def __init__(self, incarnation: UUID) -> None:
        self.incarnation = incarnation
        self.lost: set[str] = set()
        """Accounts that others have taken: this process may do nothing for them."""
        self._terms: dict[str, Term] = {}

    def __getitem__(self, account: str) -> Term:
        return self._terms[account]

    def __contains__(self, account: str) -> bool:
        return account in self._terms

    @property
    def accounts(self) -> list[str]:
        """The accounts that this process owns."""
        return sorted(self._terms)

    def begin(self, account: str, term: Term) -> None:
        """Note that an account was claimed."""
        self.lost.discard(account)
        self._terms[account] = term

    def lose(self, accounts: Iterable[str]) -> None:
        """Note that accounts belong to another process, or to another term."""
        for account in accounts:
            self._terms.pop(account, None)
            self.lost.add(account)

    def end(self, accounts: Iterable[str]) -> None:
        """Note that accounts were released."""
        for account in accounts:
            self._terms.pop(account, None)
