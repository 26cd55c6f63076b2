"""Which other members are dead, as far as one of them can see."""

from collections.abc import Sequence
from uuid import UUID

from openwx.store.postgres.ownership import Beat

BEATS_PER_LEASE = 5
MAX_GAP_BEATS = 2
"""After a longer gap between two looks the watch begins anew: an outage of PostgreSQL makes nobody dead."""


class Watch:
    """What this process saw of the others' beats, on its own clock, which may be any that goes on while it sleeps."""

    def __init__(self, lease_s: float) -> None:
        self._lease_s = lease_s
        self._max_gap_s = MAX_GAP_BEATS * lease_s / BEATS_PER_LEASE
        self._looked_at = float("-inf")
        self._seen: dict[UUID, tuple[int, float]] = {}

    def begin_anew(self) -> None:
        """Forget what was seen."""
        self._seen = {}

    def dead_among(
        self, beats: Sequence[Beat], *, asked_at: float, answered_at: float
    ) -> list[Beat]:
        """Note a look, and return the beats that have stood still for a whole lease, in looks without a gap.

        Of two leases, this node's and the other one's, the longer counts.

        A beat was there when the answer came that first showed it, and still when it was asked for now.
        """
        if answered_at - self._looked_at > self._max_gap_s:
            self.begin_anew()
        self._looked_at = answered_at
        former, self._seen = self._seen, {}
        dead = []
        for one in beats:
            number, since = former.get(one.incarnation, (one.beat, answered_at))
            if number != one.beat:
                since = answered_at
            elif asked_at - since >= max(self._lease_s, one.lease_s):
                dead.append(one)
            self._seen[one.incarnation] = (one.beat, since)
        return dead
