"""Views of a cluster for tests."""

from collections.abc import Sequence
from uuid import UUID

from openwx.cluster.placement import Fit, Placing
from openwx.store.records import ClusterView, Node, OwnedAccount

LEASE_S = 10.0


def uuid_of(name: str) -> UUID:
    """Return the incarnation of a node in these tests."""
    return UUID(bytes=name.encode().ljust(16, b"-")[:16])


def node(name: str, *, draining: bool = False, most: int = 100) -> Node:
    return Node(
        incarnation=uuid_of(name),
        node=name,
        url="",
        version="1",
        beat=1,
        is_draining=draining,
        max_clients=most,
    )


def account(
    name: str, owner: str = "", *, wanted: bool = True, after: str = "", settings: bytes = b""
) -> OwnedAccount:
    return OwnedAccount(
        account=name,
        wanted=wanted,
        settings=settings,
        origin="config",
        owner=uuid_of(owner) if owner else None,
        epoch=1,
        next=after,
    )


def view(nodes: Sequence[Node | str], accounts: Sequence[OwnedAccount | str]) -> ClusterView:
    return ClusterView(
        [node(one) if isinstance(one, str) else one for one in nodes],
        [account(one) if isinstance(one, str) else one for one in accounts],
    )


def me(name: str, seen: ClusterView, **more: object) -> Placing:
    """Return what a node knows that may run all accounts."""
    known: dict[str, object] = {
        "incarnation": uuid_of(name),
        "lease_s": LEASE_S,
        "has_settled": True,
        "fits": {one.account: Fit.READY for one in seen.accounts},
    }
    return Placing(**known | more)  # type: ignore[arg-type]
