"""Which other members are dead, as far as one of them can see. ``Membership`` asks."""

from collections.abc import Sequence
from uuid import UUID

from openwx.store.postgres.ownership import Beat

BEATS_PER_LEASE = 5
ANSWERS_PER_LEASE = 3
"""An answer may take a third of a lease; who waits for longer drops the connection.

Several short outages of PostgreSQL may hit all tries of a member to beat within a lease. So the watch begins anew after
each outage that makes others miss a beat: the connection was lost, or no look was answered for as long as they wait.
"""


class Watch:
    """What this process saw of the others' beats, on its own clock, which may be any that goes on while it sleeps."""

    def __init__(self, lease_s: float) -> None:
        self._lease_s = lease_s
        self._max_gap_s = lease_s / ANSWERS_PER_LEASE
        self._looked_at = float("-inf")
        self._looked_by = 0
        self._seen: dict[UUID, tuple[int, float]] = {}

    def begin_anew(self) -> None:
        """Forget what was seen."""
        self._seen = {}

    def dead_among(
        self, beats: Sequence[Beat], *, asked_at: float, answered_at: float, by: int
    ) -> list[Beat]:
        """Note a look, and return the beats that have stood still for a whole lease, in looks without a gap.

        ``by`` is the number of the connection that answered. Of two leases, this node's and the other one's, the
        longer counts.

        A beat was there when the answer came that first showed it, and still when it was asked for now.
        """
        if by != self._looked_by or answered_at - self._looked_at >= self._max_gap_s:
            self.begin_anew()
        self._looked_at, self._looked_by = answered_at, by
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
