"""``openwx cluster move``, ``rebalance`` and ``drain``: they write what shall be, and wait until nodes have done it.
``command`` calls it.
"""

import time
from collections.abc import Callable

from openwx.cli.cluster.balance import Move, next_move
from openwx.cli.cluster.shared import SharedJournal
from openwx.cli.cluster.status import owned_by
from openwx.cli.status import counted
from openwx.errors import OpenwxError
from openwx.store.records import ClusterView, Node

PATIENCE_S = 120.0
"""How long a command waits for the nodes: sends under way are finished first, and then somebody else takes over."""
LOOK_EVERY_S = 0.5

Say = Callable[[str], None]


class NotDone(OpenwxError):
    """The nodes did not do it, or cannot; the text says why."""


async def move(shared: SharedJournal, account: str, node: str) -> str:
    """Have an account run on a node, and return what was done. Raise ``NotDone``."""
    view = await shared.ownership.view()
    source = _owner(view, account)
    if source == node:
        return f"{account} is on {node} already"
    target = _member(view, node)
    _require_movable(view, account)
    _require_room(view, target)
    await _hand_over(shared, Move(account, source or "no node", node))
    return f"{account} is on {node} now"


async def rebalance(shared: SharedJournal, say: Say) -> str:
    """Move idle accounts, one at a time, until no node has many more than another. Raise ``NotDone``."""
    moved = 0
    busy: list[str] = []
    while step := next_move(await shared.ownership.view(), busy):
        if any(await shared.journal.unfinished(step.account)):
            busy.append(step.account)
            continue
        await _hand_over(shared, step)
        say(f"{step.account}: from {step.source} to {step.target}")
        moved += 1
    if busy and next_move(await shared.ownership.view()):
        words = f"{counted(moved, 'account is', 'accounts are')} moved; busy, so they stay: {', '.join(busy)}"
        raise NotDone(words)
    return f"{counted(moved, 'account is', 'accounts are')} moved" if moved else "nothing to move"


async def drain(shared: SharedJournal, node: str) -> str:
    """Have a node hand over all of its accounts, and take none. Return what was done. Raise ``NotDone``."""
    _member(await shared.ownership.view(), node)
    await shared.ownership.set_draining(node, is_draining=True)
    started = time.monotonic()
    while True:
        view = await shared.ownership.view()
        if not (left := owned_by(view)[node]):
            return f"{node} runs no accounts now, and takes none until: openwx cluster drain {node} --undo"
        if time.monotonic() - started > PATIENCE_S:
            have = counted(left, "account", "accounts")
            words = "; no other node takes accounts" if not _takers(view, node) else ""
            raise NotDone(f"{node} drains, and still runs {have} after {PATIENCE_S:.0f} s{words}")
        await shared.ownership.until_hinted(LOOK_EVERY_S)


async def undrain(shared: SharedJournal, node: str) -> str:
    """Let a node take accounts again, also one that does not run now. Raise ``NotDone``."""
    if not await shared.ownership.set_draining(node, is_draining=False):
        raise _no_member(await shared.ownership.view(), node)
    return f"{node} takes accounts again; it gets new ones, and others by: openwx cluster rebalance"


async def _hand_over(shared: SharedJournal, step: Move) -> None:
    """Name the next owner, and wait until it is the owner. Raise ``NotDone``: nothing happens later, either."""
    if not await shared.ownership.assign(step.account, step.target):
        raise NotDone(f"there is no account {step.account} any more")
    started = time.monotonic()
    while True:
        view = await shared.ownership.view()
        owner = _owner(view, step.account)
        if owner == step.target:
            return
        if (
            owner and _next(view, step.account) != step.target
        ):  # who takes an account ends what was named
            words = (
                f"{step.account} is on {owner}: {step.target} did not take it; see the log there"
            )
            raise NotDone(words)
        if time.monotonic() - started > PATIENCE_S:
            await shared.ownership.assign(step.account, "")
            where = f"on {owner}" if owner else "without a node"
            words = f"{step.account} is still {where} after {PATIENCE_S:.0f} s; see the log of {step.target}"
            raise NotDone(words)
        await shared.ownership.until_hinted(LOOK_EVERY_S)


def _owner(view: ClusterView, account: str) -> str:
    """Return the name of the node that runs an account; empty for none. Raise ``NotDone`` for an unknown account."""
    for one in view.accounts:
        if one.account == account:
            node = view.node_of(one.owner)
            return "" if node is None else node.node
    known = ", ".join(one.account for one in view.accounts) or "none"
    raise NotDone(f"there is no account {account}; there are: {known}")


def _next(view: ClusterView, account: str) -> str:
    return next((one.next for one in view.accounts if one.account == account), "")


def _member(view: ClusterView, node: str) -> Node:
    for one in view.nodes:
        if one.node == node:
            return one
    raise _no_member(view, node)


def _no_member(view: ClusterView, node: str) -> NotDone:
    known = ", ".join(sorted(one.node for one in view.nodes)) or "none"
    return NotDone(f"no node {node} runs; there are: {known}")


def _require_movable(view: ClusterView, account: str) -> None:
    if not any(one.account == account and one.wanted for one in view.accounts):
        raise NotDone(f"{account} was stopped on purpose: start it, then it can be moved")


def _require_room(view: ClusterView, node: Node) -> None:
    if node.is_draining:
        words = f"{node.node} takes no accounts; end that: openwx cluster drain {node.node} --undo"
        raise NotDone(words)
    if owned_by(view)[node.node] >= node.max_clients:
        raise NotDone(f"{node.node} is full: its max_clients is {node.max_clients}")


def _takers(view: ClusterView, node: str) -> list[str]:
    return [one.node for one in view.nodes if one.node != node and not one.is_draining]
