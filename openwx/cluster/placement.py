"""Which accounts a node takes, hands over and stops: a pure function of what it sees.
``node`` asks it after each look.

Each node decides for itself alone. Two that want the same account are no harm: the store gives it to one of them.
Nothing that runs is moved to even out the load, since a move costs a pause and perhaps a login.
"""

import hashlib
import math
from collections.abc import Collection, Iterable, Mapping
from enum import Enum
from typing import NamedTuple
from uuid import UUID

import msgspec

from openwx.store.records import ClusterView, Node, OwnedAccount

LATE_AFTER = 2.0
"""An account without an owner is taken beyond the share, or with other settings, after so many leases."""
LOST_AFTER = 3.0
"""An account without an owner for so many leases: no node can take it."""
BEYOND_AT_A_TIME = 4
"""How many accounts a turn takes beyond the share: the other nodes take some, too."""


class Fit(Enum):
    """Whether a node may run an account. One that it does not know has none."""

    READY = 1
    LATE = 2
    """Its settings here differ from those with which it ran last: only if nobody else takes it."""


class Placing(msgspec.Struct, frozen=True, kw_only=True):
    """What a node knows of itself."""

    incarnation: UUID
    lease_s: float
    has_settled: bool
    """Whether it joined so long ago that it takes accounts."""
    former: Collection[str] = ()
    """The accounts that a former process of the same home owned when this one joined."""
    fits: Mapping[str, Fit] = {}
    untold_stops: Collection[str] = ()
    """The accounts that are stopped while nobody has told it: whoever owns one tells it, and releases it."""


class Decision(msgspec.Struct, frozen=True):
    """What a node does next."""

    claim: list[str] = []
    hand_over: dict[str, str] = {}
    """The accounts to hand over, and which node shall take each; an empty name is any."""
    stop: list[str] = []
    lost: list[str] = []
    """The accounts that no node can take."""


class Absences:
    """For how long this node has seen each account without an owner."""

    def __init__(self, gap_s: float) -> None:
        """``gap_s``: after so long without a look, all are watched anew."""
        self._gap_s = gap_s
        self._looked_at = -math.inf
        self._since: dict[str, float] = {}

    def note(self, view: ClusterView, now: float) -> dict[str, float]:
        """Return the accounts that should run and have no owner, with the seconds since that was first seen."""
        if now - self._looked_at > self._gap_s:
            self._since.clear()
        self._looked_at = now
        absent = [
            one.account for one in view.accounts if one.wanted and view.node_of(one.owner) is None
        ]
        self._since = {name: self._since.get(name, now) for name in absent}
        return {name: now - since for name, since in self._since.items()}


def decide(view: ClusterView, me: Placing, absent_s: Mapping[str, float]) -> Decision:
    """Decide what a node does. ``absent_s``: what ``Absences`` returned for this view."""
    node = view.node_of(me.incarnation)
    return Decision() if node is None else _Turn(view, node, me, absent_s).decision()


def fair_share(view: ClusterView) -> int:
    """Return how many accounts each node that does not drain takes on its own."""
    takers = sum(not node.is_draining for node in view.nodes)
    wanted = sum(account.wanted for account in view.accounts)
    return -(-wanted // takers) if takers else 0


class _Turn(NamedTuple):
    """One decision of ``node``, which is ``me``."""

    view: ClusterView
    node: Node
    me: Placing
    absent_s: Mapping[str, float]

    def decision(self) -> Decision:
        mine = self._owned_by(self.node)
        claim = [] if self.node.is_draining else self._to_claim(len(mine)) + self._to_tell()
        lost_s = LOST_AFTER * self.me.lease_s
        lost = [name for name, for_s in self.absent_s.items() if for_s >= lost_s]
        wanted = [one for one in mine if one.wanted]
        goes_to = {one.account: self._goes_to(one) for one in wanted}
        return Decision(
            claim,
            {account: to for account, to in goes_to.items() if to is not None},
            [one.account for one in mine if not one.wanted],
            [name for name in lost if name not in claim],
        )

    def _goes_to(self, account: OwnedAccount) -> str | None:
        """Return which node shall have an account of this one: "" is any other, None is nobody."""
        named = self._named(account)
        if named is not None and named != self.node and self._has_room(named):
            return named.node
        return "" if self.node.is_draining else None

    def _to_claim(self, owned: int) -> list[str]:
        node, me = self.node, self.me
        room = max(0, node.max_clients - owned)
        share = max(0, min(fair_share(self.view), node.max_clients) - owned)
        can = [
            one
            for one in self.view.accounts
            if one.account in self.absent_s.keys() & me.fits.keys()
        ]
        certain = [one for one in can if one.account in me.former]
        if not me.has_settled:
            return _names(certain)[:room]
        certain += [one for one in can if self._named(one) == node and one not in certain]
        ready = [one for one in can if self._is_ready(one) and one not in certain]
        late_s = LATE_AFTER * me.lease_s
        chosen = _names(certain)[:room]
        chosen += self._spread(ready)[: max(0, share - len(chosen))]
        late = [
            one for one in can if self.absent_s[one.account] >= late_s and one.account not in chosen
        ]
        return chosen + self._spread(late)[: min(BEYOND_AT_A_TIME, room - len(chosen))]

    def _to_tell(self) -> list[str]:
        return [
            one.account
            for one in self.view.accounts
            if one.account in self.me.untold_stops and self.view.node_of(one.owner) is None
        ]

    def _is_ready(self, account: OwnedAccount) -> bool:
        """Return whether this node may take an account within its share, and no other has the first right to it."""
        is_early = self.absent_s[account.account] < self.me.lease_s
        is_for_another = self._named(account) not in (None, self.node)
        return self.me.fits[account.account] is Fit.READY and not (is_for_another and is_early)

    def _named(self, account: OwnedAccount) -> Node | None:
        """Return the node that shall take an account, if it is a member that takes accounts."""
        takers = (one for one in self.view.nodes if not one.is_draining)
        return next((one for one in takers if one.node == account.next), None)

    def _has_room(self, node: Node) -> bool:
        return len(self._owned_by(node)) < node.max_clients

    def _owned_by(self, node: Node) -> list[OwnedAccount]:
        return [one for one in self.view.accounts if one.owner == node.incarnation]

    def _spread(self, accounts: Iterable[OwnedAccount]) -> list[str]:
        """Order names differently on each node, so that they do not all want the same ones first."""
        seed = self.me.incarnation.bytes
        return sorted(
            _names(accounts), key=lambda name: hashlib.sha256(seed + name.encode()).digest()
        )


def _names(accounts: Iterable[OwnedAccount]) -> list[str]:
    return [one.account for one in accounts]
