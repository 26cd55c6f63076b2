"""What ``openwx cluster status`` shows: the nodes, and which of them runs which account.
``command`` and ``openwx doctor`` call it.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from openwx.cli.columns import table
from openwx.cli.status import counted
from openwx.store.records import ClusterView, Node, OwnedAccount


def unowned(view: ClusterView) -> list[str]:
    """List the accounts that should run, and that no node runs."""
    return [one.account for one in view.accounts if one.wanted and view.node_of(one.owner) is None]


def owned_by(view: ClusterView) -> Counter[str]:
    """Count the accounts of each node by its name; 0 for a node without any."""
    nodes = (view.node_of(one.owner) for one in view.accounts)
    counts = Counter(node.node for node in nodes if node is not None)
    return Counter({one.node: counts[one.node] for one in view.nodes})


def as_json(view: ClusterView) -> dict[str, Any]:
    """Return everything but the settings of accounts, which may contain secrets."""
    counts = owned_by(view)
    return {
        "nodes": [_node(one, counts[one.node]) for one in view.nodes],
        "accounts": [_account(one, view.node_of(one.owner)) for one in view.accounts],
        "unowned": len(unowned(view)),
    }


def _node(node: Node, accounts: int) -> dict[str, Any]:
    return {
        "node": node.node,
        "accounts": accounts,
        "max_clients": node.max_clients,
        "draining": node.is_draining,
        "url": node.url,
        "version": node.version,
        "incarnation": str(node.incarnation),
        "beat": node.beat,
    }


def _account(account: OwnedAccount, owner: Node | None) -> dict[str, Any]:
    return {
        "account": account.account,
        "node": None if owner is None else owner.node,
        "wanted": account.wanted,
        "next": account.next,
        "origin": account.origin,
        "epoch": account.epoch,
    }


def as_text(view: ClusterView) -> list[str]:
    """Return the lines for a person."""
    missing = unowned(view)
    what = counted(len(view.accounts), "account", "accounts")
    lines = [f"{counted(len(view.nodes), 'node', 'nodes')}, {what}: {_summary(view, missing)}"]
    if view.nodes:
        lines += ["", *table([("NODE", "ACCOUNTS", "VERSION", "ADDRESS", ""), *_nodes(view)])]
    if view.accounts:
        lines += ["", *table([("ACCOUNT", "NODE", ""), *_accounts(view)])]
    return lines


def _summary(view: ClusterView, missing: list[str]) -> str:
    if not missing:
        return "each that should run has a node" if view.accounts else "none is known yet"
    return (
        f"{len(missing)} of them should run, and {'has' if len(missing) == 1 else 'have'} no node"
    )


def _nodes(view: ClusterView) -> Iterator[tuple[str, ...]]:
    counts = owned_by(view)
    for one in sorted(view.nodes, key=lambda one: one.node):
        accounts = f"{counts[one.node]} of {one.max_clients}"
        words = ""
        if one.is_draining:
            has_some = counts[one.node] > 0
            words = "hands its accounts over" if has_some else "takes no accounts (drained)"
        yield one.node, accounts, one.version, one.url or "-", words


def _accounts(view: ClusterView) -> Iterator[tuple[str, ...]]:
    for one in view.accounts:
        owner = view.node_of(one.owner)
        yield one.account, "-" if owner is None else owner.node, _how(one, owner)


def _how(account: OwnedAccount, owner: Node | None) -> str:
    """Say what is not as it shall stay."""
    goes = account.next and (owner is None or owner.node != account.next)
    words = f"goes to {account.next}" if goes else ""
    if not account.wanted:
        return "stops" if owner else "stopped on purpose"
    return words or ("" if owner else "no node runs it")
