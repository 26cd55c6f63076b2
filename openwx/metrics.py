"""Counters of this process for ``/metrics`` (Prometheus).

Code that drops something calls ``dropped``, which logs and counts, so that neither is forgotten. Lengths and ages are
not counted here, but computed for each scrape (``api/metrics_page.py``). ``docs/metrics.md`` describes every metric; a
test compares the two.

Labels are bounded: routes are ours, codes are ours or known ones of WeChat, and of ended accounts only the last
``KEPT_ENDED`` remain.
"""

import logging
from collections import OrderedDict, defaultdict
from collections.abc import Container, Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from openwx import __version__
from openwx.errors import Code
from openwx.logcontext import bind
from openwx.reasons import REASON_OF_RET

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series beside each
REGISTRY = CollectorRegistry()
OF_NODES = CollectorRegistry()
"""What is counted, and shown, only where several nodes share the accounts."""
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)


class Answers:
    """The number of answers by their code, for one value of a label."""

    def __init__(self) -> None:
        self.by_code: dict[str, int] = {}

    def answered(self, code: int) -> None:
        """Count an answer."""
        label = _CODES.get(code, OTHER)
        self.by_code[label] = self.by_code.get(label, 0) + 1


class AnswerCounter(Collector):
    """Counts answers by one label and their code.

    Benchmark row `routes`: each call is counted twice, which takes a twentieth of get_user_info with ``Counter``.
    """

    def __init__(self, name: str, words: str, label: str) -> None:
        self._name, self._words, self._label = name, words, label
        self._answers: defaultdict[str, Answers] = defaultdict(Answers)
        REGISTRY.register(self)

    def of(self, value: str) -> Answers:
        """Return the counts of this value of the label, of which there are only so many."""
        return self._answers[value]

    def collect(self) -> Iterable[Metric]:
        """Return what is counted, for a scrape."""
        family = CounterMetricFamily(self._name, self._words, labels=[self._label, "code"])
        for value, answers in self._answers.items():
            for code, count in answers.by_code.items():
                family.add_metric([value, code], count)
        yield family


REQUESTS = AnswerCounter(
    "openwx_requests", "Answers to API callers, by route and the answer's code.", "route"
)
CALLS = AnswerCounter(
    "openwx_calls",
    "Answers to API callers, by who called (the name of a key, token, or anonymous) and the answer's code.",
    "key",
)
SENDS = Counter(
    "openwx_sends",
    "Sends that ended, by the code in answers and in send_message reports.",
    ["account", "code"],
    registry=REGISTRY,
)
SEND_RETRIES = Counter(
    "openwx_send_retries", "Attempts of sends beyond the first.", ["account"], registry=REGISTRY
)
RECEIVED = Counter(
    "openwx_received",
    "Messages from WeChat, each once, by post_type and format.",
    ["account", "post_type", "format"],
    registry=REGISTRY,
)
DELIVERIES = Counter(
    "openwx_deliveries",
    "Deliveries of reports that ended, by their target and fate.",
    ["account", "target", "fate"],
    registry=REGISTRY,
)
DELIVERY_RETRIES = Counter(
    "openwx_delivery_retries",
    "Attempts to deliver reports that must be repeated.",
    ["account", "target"],
    registry=REGISTRY,
)
LATENCY = Histogram(
    "openwx_delivery_latency_seconds",
    "From the time that WeChat gives a received message to its acceptance by a target.",
    ["account", "target"],
    buckets=(0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200, 43200, 86400),
    registry=REGISTRY,
)
SESSION_ENDS = Counter(
    "openwx_session_ends",
    "Sessions that WeChat ended, by its Ret, and logins that it refused.",
    ["account", "reason"],
    registry=REGISTRY,
)
HOPS = Counter(
    "openwx_hops",
    "Calls that were forwarded to the node that owns the account, by that node and how it went.",
    ["node", "outcome"],
    registry=OF_NODES,
)
DROPPED = Counter(
    "openwx_dropped",
    "Dropped items, by kind; each has a line in the log.",
    ["what"],
    registry=REGISTRY,
)
TAKEOVERS = Counter(
    "openwx_takeovers",
    "Accounts that this node took after another node had run them.",
    registry=OF_NODES,
)
FENCED = Counter(
    "openwx_fenced",
    "Accounts that another node had taken, as this one found when it wrote for them.",
    registry=OF_NODES,
)
IN_DOUBT = Counter(
    "openwx_in_doubt",
    "Writes to PostgreSQL whose answer was lost, and which were sent again to find out.",
    registry=OF_NODES,
)
Info("openwx", "The version that runs.", registry=REGISTRY).info({"version": __version__})

KINDS = {
    "late_event": "an `input_qrcode` or `state_change` that was too old to be of use to a backend",
    "failed_delivery": "a failed delivery beyond those that the outbox keeps",
    "dropped_delivery": "a failed delivery that was dropped on request",
    "reply": "an answer of a backend, or a reply in it, that cannot be used: it is not labelled as JSON, cannot be"
    " read, is no text, is one of more than ten, is too large, broke off, or is for what cannot be replied to",
    "feed": "a report that fell out of `check_event`'s list before it was asked for"
    " (counted once `check_event` was called at all)",
    "stdout": "a line of `post_stdout`, because stdout is read too slowly or fails",
    "withdrawn_send": "a send that was not begun, as its caller was answered: the time was over, the account stopped,"
    " or the journal could not be written",
    "outcome": "the `send_message` report of a send that somebody waited for: the gateway ended before it could be"
    " written",
    "change": "an event of a change that a call made, such as a remark name: the gateway ended before it could be"
    " written",
    "medium": "the content of received media that could not be downloaded; `media_error` says why",
    "media_data": "the content of a file that was gone when its report was delivered",
    "old_media": "a downloaded file older than `media.keep_days`",
    "message": "an entry of `AddMsgList` that cannot be read, perhaps because of a bug; it is reported raw, as"
    " `unknown`",
    "record": "a record of a contact from WeChat that cannot be read, or a stranger's beyond 1000",
    "field": "a field of one of WeChat's records that makes no sense; the rest of the record counts",
    "text": "the end of a value in a message that is longer than 64 KiB, XML of an app message of more than 32 KiB, or"
    " an article of a push beyond 100",
    "saved_state": "a saved session, cookie or list, or a row of the journal, that cannot be read any more",
}
"""Every kind of thing that can be dropped."""

for _kind in KINDS:
    DROPPED.labels(_kind)  # so that each is exported from the start, with 0

OTHER = "other"
"""The label of all codes without one of their own."""
KEPT_ENDED = 100
"""The number of ended accounts whose counts are still exported."""
_CODES = {code: str(int(code)) for code in (*Code, *REASON_OF_RET)}
_SESSION_RETS = {ret: str(ret) for ret in (1100, 1101, 1102, -14)}
_OF_ACCOUNTS = (
    SENDS,
    SEND_RETRIES,
    RECEIVED,
    SESSION_ENDS,
)
_OF_TARGETS = (DELIVERIES, DELIVERY_RETRIES, LATENCY)


def dropped(
    log: logging.Logger,
    what: str,
    words: str,
    *values: object,
    count: int = 1,
    level: int = logging.WARNING,
) -> None:
    """Log and count that something is dropped. ``what`` is one of ``KINDS``."""
    assert what in KINDS, what
    DROPPED.labels(what).inc(count)
    with bind(dropped=what):
        log.log(level, words, *values)


class AccountCounts:
    """Counts the events of one account. Made by ``of_account``."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.send_retries = SEND_RETRIES.labels(name)
        self._received: dict[tuple[str, str], Counter] = {}
        for reason in (*_SESSION_RETS.values(), "refused"):
            SESSION_ENDS.labels(name, reason)
        SENDS.labels(name, "0")

    def sent(self, code: int) -> None:
        """Count a send that ended."""
        SENDS.labels(self._name, _CODES.get(code, OTHER)).inc()

    def received(self, post_type: str, format: str) -> None:
        """Count a message from WeChat; both labels are words of the contract."""
        count = self._received.get((post_type, format))
        if count is None:
            count = self._received[post_type, format] = RECEIVED.labels(
                self._name, post_type, format
            )
        count.inc()

    def session_ended(self, ret: int) -> None:
        """Count a session that WeChat ended, or a login that it refused."""
        SESSION_ENDS.labels(self._name, _SESSION_RETS.get(ret, "refused")).inc()


class DeliveryCounts:
    """Counts the deliveries of one account to one target. Made by ``of_target``."""

    def __init__(self, account: str, target: str) -> None:
        self.delivery_retries = DELIVERY_RETRIES.labels(account, target)
        self.latency = LATENCY.labels(account, target)
        self._settled = {
            fate: DELIVERIES.labels(account, target, fate)
            for fate in ("delivered", "failed", "dropped")
        }

    def settled(self, fate: str) -> None:
        """Count a delivery that ended: ``delivered``, ``failed`` or ``dropped``."""
        self._settled[fate].inc()


_accounts: dict[str, AccountCounts] = {}
_targets: dict[tuple[str, str], DeliveryCounts] = {}
_ended: OrderedDict[str, None] = OrderedDict()


def of_account(name: str) -> AccountCounts:
    """Return the counts of an account that exists, or exists again."""
    _ended.pop(name, None)
    if name not in _accounts:
        _accounts[name] = AccountCounts(name)
    return _accounts[name]


def of_target(account: str, target: str) -> DeliveryCounts:
    """Return the counts of an account's deliveries to a target that is configured."""
    if (account, target) not in _targets:
        _targets[account, target] = DeliveryCounts(account, target)
    return _targets[account, target]


def keep_targets(account: str, targets: Container[str]) -> None:
    """Forget the counts of the other targets of an account: each start may name others."""
    for name, target in [*_targets]:
        if name == account and target not in targets:
            del _targets[name, target]
            for metric in _OF_TARGETS:
                metric.remove_by_labels({"account": name, "target": target})


def ended(name: str) -> None:
    """Note that an account has ended. Its counts stay until ``KEPT_ENDED`` others have ended after it."""
    _ended[name] = None
    _ended.move_to_end(name)
    while len(_ended) > KEPT_ENDED:
        oldest, _ = _ended.popitem(last=False)
        del _accounts[oldest]
        keep_targets(oldest, ())
        for metric in _OF_ACCOUNTS:
            metric.remove_by_labels({"account": oldest})


def is_counted(name: str) -> bool:
    """Check whether the account's counts are exported."""
    return name in _accounts
