"""Views of a cluster for tests of placement, nodes and commands."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from openwx.cluster.placement import Fit, Placing
from openwx.store.records import ClusterView, Node, OwnedAccount

LEASE_S = 10.0


def uuid_of(name: str) -> UUID:
    """Return the incarnation of a node in these tests."""
    return UUID(bytes=name.encode().ljust(16, b"-")[:16])


def node(name: str, *, draining: bool = False, most: int = 100, url: str = "") -> Node:
    return Node(
        incarnation=uuid_of(name),
        node=name,
        url=url,
        version="1.2",
        beat=7,
        is_draining=draining,
        max_clients=most,
    )


def account(
    name: str,
    owner: str = "",
    *,
    wanted: bool = True,
    after: str = "",
    settings: bytes = b'{"secret": "s3cr3t"}',
) -> OwnedAccount:
    return OwnedAccount(
        account=name,
        wanted=wanted,
        settings=settings,
        origin="api",
        owner=uuid_of(owner) if owner else None,
        epoch=3,
        next=after,
    )


def view(nodes: Sequence[Node | str], accounts: Sequence[OwnedAccount | str]) -> ClusterView:
    return ClusterView(
        [node(one) if isinstance(one, str) else one for one in nodes],
        [account(one) if isinstance(one, str) else one for one in accounts],
    )


def owning(owned: Mapping[str, Sequence[str]], *more: Node) -> ClusterView:
    """Return a view of nodes with these accounts; ``more`` are nodes in place of those of the same name."""
    nodes = {name: node(name) for name in owned} | {one.node: one for one in more}
    accounts = [account(name, owner) for owner, names in owned.items() for name in names]
    return ClusterView(list(nodes.values()), accounts)


def me(name: str, seen: ClusterView, **more: object) -> Placing:
    """Return what a node knows that may run all accounts."""
    known: dict[str, object] = {
        "incarnation": uuid_of(name),
        "lease_s": LEASE_S,
        "has_settled": True,
        "fits": {one.account: Fit.READY for one in seen.accounts},
    }
    return Placing(**known | more)  # type: ignore[arg-type]
