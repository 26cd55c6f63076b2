"""How long ago each node has said that it lives, as this one has seen it: by no clock but its own.
``node`` counts with it.
"""

from uuid import UUID

from openwx.store.records import ClusterView, Node


class Beats:
    """The beats of the members, and when each was new."""

    def __init__(self) -> None:
        self._seen: dict[UUID, tuple[int, float]] = {}

    def note(self, view: ClusterView, now: float) -> None:
        """Look at the members. ``now`` is in seconds of a clock that never goes back."""
        self._seen = {one.incarnation: self._newest(one, now) for one in view.nodes}

    def _newest(self, node: Node, now: float) -> tuple[int, float]:
        beat, since = self._seen.get(node.incarnation, (-1, now))
        return (beat, since) if beat == node.beat else (node.beat, now)

    def age_of(self, node: Node, now: float) -> float | None:
        """Return for how many seconds the beat has stood still; None if the node was not seen yet."""
        seen = self._seen.get(node.incarnation)
        return None if seen is None else now - seen[1]
