"""Which account goes where next, so that no node has many more than another. Nothing here does anything.
``change`` calls it.
"""

from collections.abc import Collection
from typing import NamedTuple

from openwx.store.records import ClusterView


class Move(NamedTuple):
    """An account that one node shall hand over to another."""

    account: str
    source: str
    target: str


def next_move(view: ClusterView, but: Collection[str] = ()) -> Move | None:
    """Return the next move; None once no node has more than one account more than another that has room.

    Nodes that drain take no part. ``but`` are accounts that stay where they are.
    """
    nodes = [one for one in view.nodes if not one.is_draining]
    names = {one.incarnation: one.node for one in nodes}
    owned: dict[str, list[str]] = {one.node: [] for one in nodes}
    for account in view.accounts:
        if account.owner in names:
            owned[names[account.owner]].append(account.account)
    with_room = [one.node for one in nodes if len(owned[one.node]) < one.max_clients]
    wanted = {one.account for one in view.accounts if one.wanted and not one.next}
    movable = {
        name: [one for one in accounts if one in wanted and one not in but]
        for name, accounts in owned.items()
    }
    sources = [name for name in owned if movable[name]]
    if not sources or not with_room:
        return None
    source = max(sorted(sources), key=lambda name: len(owned[name]))
    target = min(sorted(with_room), key=lambda name: len(owned[name]))
    if len(owned[source]) - len(owned[target]) <= 1:
        return None
    return Move(movable[source][0], source, target)
