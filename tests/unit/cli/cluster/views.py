"""Views of a cluster, written by hand."""

from collections.abc import Mapping, Sequence
from uuid import UUID, uuid5

from openwx.store.records import ClusterView, Node, OwnedAccount

SPACE = UUID(int=0)


def node(name: str, *, most: int = 100, drains: bool = False, url: str = "") -> Node:
    return Node(
        incarnation=uuid5(SPACE, name),
        node=name,
        url=url,
        version="1.2",
        beat=7,
        is_draining=drains,
        max_clients=most,
    )


def account(name: str, owner: str = "", *, wanted: bool = True, goes_to: str = "") -> OwnedAccount:
    return OwnedAccount(
        account=name,
        wanted=wanted,
        settings=b'{"secret": "s3cr3t"}',
        origin="api",
        owner=uuid5(SPACE, owner) if owner else None,
        epoch=3,
        next=goes_to,
    )


def view(owned: Mapping[str, Sequence[str]], *more: Node) -> ClusterView:
    """Return a view of nodes with these accounts; ``more`` are nodes in place of those of the same name."""
    nodes = {name: node(name) for name in owned} | {one.node: one for one in more}
    accounts = [account(name, owner) for owner, names in owned.items() for name in names]
    return ClusterView(list(nodes.values()), accounts)
