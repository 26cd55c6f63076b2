"""Asks all nodes side by side how the accounts are that they run.
``hops`` calls it, for ``check_client``.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Iterator
from http import HTTPStatus
from uuid import UUID

import msgspec

from openwx import metrics
from openwx.api.callers import Caller
from openwx.api.elsewhere import Whereabouts
from openwx.api.peers.answer import begin
from openwx.api.peers.call import PeerCall
from openwx.api.peers.client import Lost, NotAsked, PeerClient, Refusing, outcome_of
from openwx.api.peers.hop import Hop
from openwx.cluster.directory import Directory
from openwx.errors import UNREADABLE
from openwx.reasons import ReasonCode
from openwx.schemas import Clients, ListedClient
from openwx.store.base import JournalError
from openwx.store.records import Node

log = logging.getLogger("openwx.web")

ANSWER_S = 2.0
"""Time for the answer of a node, in seconds."""
NAMED_AT_ONCE = 50
"""Accounts that a hop names, so that its head is not too long."""
_PATH = "/openwx/check_client"


class Gathering:
    """What other nodes say of their accounts."""

    def __init__(self, directory: Directory, client: PeerClient) -> None:
        self._directory = directory
        self._client = client

    async def listed(
        self, caller: Caller, asked: Collection[Whereabouts]
    ) -> dict[str, ListedClient | ReasonCode]:
        """Return what the nodes of these accounts say of them, or why one says nothing in ``ANSWER_S``."""
        try:
            owners = await self._directory.owners()
        except JournalError as error:
            log.warning("other nodes are not asked how their accounts are: %s", error)
            return {one.account: ReasonCode.NODE_SILENT for one in asked}
        nodes: dict[UUID, Node] = {}
        names: defaultdict[UUID, list[str]] = defaultdict(list)
        for where in asked:
            owner = owners.get(where.account)
            if owner is not None and owner.node.incarnation != self._directory.incarnation:
                nodes[owner.node.incarnation] = owner.node
                names[owner.node.incarnation].append(where.account)
        answers = await asyncio.gather(
            *(
                self._listed_by(node, some, caller)
                for one, node in nodes.items()
                for some in _slices(names[one])
            )
        )
        return {name: said for answer in answers for name, said in answer.items()}

    async def _listed_by(
        self, node: Node, names: tuple[str, ...], caller: Caller
    ) -> dict[str, ListedClient | ReasonCode]:
        hop = Hop(
            node=self._directory.node,
            key=caller.name,
            scope=caller.scope,
            accounts=names,
            address="",
        )
        call = PeerCall(
            account="",
            caller=caller,
            address="",
            allows_jsonp=False,
            method="GET",
            path=_PATH,
            is_repeatable=True,
            only_reads=True,
        )
        try:
            async with asyncio.timeout(ANSWER_S):
                clients = await self._clients(node, call, hop)
        except (NotAsked, Lost, TimeoutError, *UNREADABLE) as error:
            metrics.HOPS.labels(node.node, outcome_of(error)).inc()
            why = str(error) or type(error).__name__
            log.warning("%s does not say how its accounts are: %s", node.node, why)
            code = error.code if isinstance(error, Refusing) else ReasonCode.NODE_SILENT
            return dict.fromkeys(names, code)
        metrics.HOPS.labels(node.node, "answered").inc()
        return {
            one.account: one for one in clients if one.account in names and one.node == node.node
        }

    async def _clients(self, node: Node, call: PeerCall, hop: Hop) -> list[ListedClient]:
        response = await self._client.ask_node(node, call, hop)
        try:
            answered = await begin(response)
            body = await answered.whole(self._client.longest)
        except BaseException:
            response.close()
            raise
        answered.end()
        if answered.status != HTTPStatus.OK:
            raise NotAsked(f"HTTP {answered.status}")
        return msgspec.json.decode(body, type=Clients).client


def _slices(names: list[str]) -> Iterator[tuple[str, ...]]:
    for at in range(0, len(names), NAMED_AT_ONCE):
        yield tuple(names[at : at + NAMED_AT_ONCE])
