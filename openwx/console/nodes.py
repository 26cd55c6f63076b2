"""The page of the nodes that share the accounts. ``Console`` routes to it."""

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from openwx.console.context import PageContext
from openwx.console.health import Tone
from openwx.console.wording import PageError
from openwx.errors import Code
from openwx.steady import steady

if TYPE_CHECKING:
    from openwx.cluster.node import ClusterNode
    from openwx.store.records import Node

LATE = 0.8
"""The part of a lease after which a node that is silent counts as late."""


class NodeRow(msgspec.Struct, frozen=True):
    """A node as the page shows it."""

    name: str
    tone: Tone
    state: str
    beat: str
    accounts: int
    most: int
    version: str
    is_this: bool


async def nodes(context: PageContext) -> web.StreamResponse:
    """Show all nodes: how long each is silent, how many accounts it has, whether it drains."""
    node = context.services.node
    if node is None or not context.sees_all:
        raise PageError(Code.NOT_FOUND, "error.no_page")
    members = sorted(node.seen.nodes, key=lambda one: one.node)
    owners = {one.incarnation for one in members}
    rows = [_row(context, node, one) for one in members]
    unowned = [one.account for one in node.seen.accounts if one.wanted and one.owner not in owners]
    template = "parts/nodes.html" if context.is_fragment else "nodes.html"
    return context.page(template, rows=rows, unowned=sorted(unowned))


def _row(context: PageContext, node: "ClusterNode", one: "Node") -> NodeRow:
    age_s = node.beats.age_of(one, steady()) or 0.0
    is_late = age_s > LATE * context.manager.settings.cluster.lease
    tone: Tone = "bad" if is_late else "busy" if one.is_draining else "good"
    state = "nodes.late" if is_late else "nodes.drains" if one.is_draining else "nodes.lives"
    return NodeRow(
        name=one.node,
        tone=tone,
        state=context.t(state),
        beat=context.t("nodes.beat", seconds=round(age_s)),
        accounts=sum(account.owner == one.incarnation for account in node.seen.accounts),
        most=one.max_clients,
        version=one.version,
        is_this=one.node == node.name,
    )
