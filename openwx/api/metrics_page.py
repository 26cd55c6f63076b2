"""Answers ``/metrics`` for Prometheus: the counters of ``openwx/metrics.py``, and gauges that are read at the scrape.
``app`` adds it.

The format is text, or OpenMetrics on request. It is outside of ``/openwx/``, and needs a token of any scope.
"""

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from openwx import metrics
from openwx.api.access import Access, unauthenticated
from openwx.api.answers import Answer
from openwx.api.callers import Caller
from openwx.api.guard import guarded
from openwx.domain.events import State
from openwx.store.base import JournalError

if TYPE_CHECKING:
    from openwx.accounts.account import Account
    from openwx.accounts.manager import AccountManager
    from openwx.cluster.node import ClusterNode


class Metrics(Collector):
    """The handler, and the gauges of one gateway: states, queue lengths and ages."""

    def __init__(
        self, gateway: "AccountManager", access: Access, node: "ClusterNode | None" = None
    ) -> None:
        """``node``: this process as one of several."""
        self._gateway = gateway
        self._node = node
        self._access = access
        self._journal_bytes: int | None = None
        self._all = CollectorRegistry()
        self._all.register(metrics.REGISTRY)
        if node is not None:
            self._all.register(metrics.OF_NODES)
        self._all.register(self)

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/metrics", guarded(self._access, self._answer))

    async def _answer(self, request: web.Request) -> Answer:
        caller = await self._access.caller_by_query(request)
        if caller is None:
            raise unauthenticated()
        try:
            self._journal_bytes = await self._gateway.journal_bytes()
        except JournalError:
            self._journal_bytes = None
        encode, content_type = choose_encoder(",".join(request.headers.getall(hdrs.ACCEPT, [])))
        headers: dict[str, str] = {hdrs.CACHE_CONTROL: "no-store"}
        return Answer(
            encode(_seen_by(caller, self._all)), content_type=content_type, headers=headers
        )

    def collect(self) -> Iterable[Metric]:
        """Collect the gauges of all accounts, except those that ended so long ago that their counters are gone."""
        accounts = [one for one in self._gateway.accounts.values() if metrics.is_counted(one.name)]
        yield _states(accounts)
        yield _gauge(
            "openwx_sends_waiting", "Sends that wait or are on their way.", accounts, _sends
        )
        yield _reports(accounts)
        yield _gauge(
            "openwx_media_waiting", "Received media that are still to be fetched.", accounts, _media
        )
        yield _gauge(
            "openwx_sync_age_seconds",
            "Since WeChat was last asked for news with success.",
            accounts,
            lambda account: account.sync_age_s,
        )
        if self._journal_bytes is not None:
            words = "Bytes of the journal, with its write-ahead log."
            yield GaugeMetricFamily("openwx_journal_bytes", words, self._journal_bytes)
        words = "1 while the journal can be written, 0 while it cannot."
        works = float(not self._gateway.journal_trouble)
        yield GaugeMetricFamily("openwx_journal_writable", words, works)
        words = "Streams that are open: /openwx/events, /openwx/ws, pages of the console."
        yield GaugeMetricFamily("openwx_streams", words, self._gateway.streams.taken)
        if self._node is not None:
            yield from _of_node(self._node)


class _OwnRows(Collector):
    """The metrics that a key for some accounts sees: the rows of its accounts, and of itself.

    What is counted of the whole process tells of the other accounts, too.
    """

    def __init__(self, caller: Caller, every: CollectorRegistry) -> None:
        self._caller = caller
        self._every = every

    def collect(self) -> Iterable[Metric]:
        for family in self._every.collect():
            own = copy.copy(family)  # some collectors return the same family each time
            own.samples = [one for one in family.samples if self._is_own(one.labels)]
            if own.samples:
                yield own

    def _is_own(self, labels: Mapping[str, str]) -> bool:
        if "account" in labels:
            return self._caller.sees(labels["account"])
        return labels.get("key") == self._caller.name


def _seen_by(caller: Caller, every: CollectorRegistry) -> CollectorRegistry:
    if caller.accounts is None:
        return every
    own = CollectorRegistry()
    own.register(_OwnRows(caller, every))
    return own


def _of_node(node: "ClusterNode") -> Iterable[Metric]:
    words = "Seconds until this node may not act for its accounts any more, below 0 afterwards."
    yield GaugeMetricFamily("openwx_lease_left_seconds", words, node.ownership.lease.left_s)
    words = "Accounts that no node can take, as this node sees it."
    yield GaugeMetricFamily("openwx_accounts_unowned", words, len(node.lost))


def _states(accounts: Iterable["Account"]) -> Metric:
    words = "1 for the state that the account is in, 0 for the others."
    family = GaugeMetricFamily("openwx_account_state", words, labels=["account", "state"])
    for account in accounts:
        for state in State:
            family.add_metric([account.name, str(state)], float(account.state is state))
    return family


def _gauge(
    name: str,
    words: str,
    accounts: Iterable["Account"],
    look: Callable[["Account"], float | None],
) -> Metric:
    family = GaugeMetricFamily(name, words, labels=["account"])
    for account in accounts:
        value = look(account)
        if value is not None:
            family.add_metric([account.name], value)
    return family


def _sends(account: "Account") -> float:
    return account.waiting.sends


def _reports(accounts: Iterable["Account"]) -> Metric:
    words = "Deliveries of reports that wait, by target."
    family = GaugeMetricFamily("openwx_uploads_waiting", words, labels=["account", "target"])
    for account in accounts:
        for target, waiting in account.waiting_reports.items():
            family.add_metric([account.name, target], waiting)
    return family


def _media(account: "Account") -> float:
    return account.waiting.media
