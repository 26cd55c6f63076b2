"""Answers ``/healthz`` and ``/readyz``, outside of ``/openwx/``. ``app`` adds it; commands read the answers.

Host and Origin are checked as everywhere; HEAD is answered like GET, since nothing here has an effect.
"""

from typing import TYPE_CHECKING

import msgspec
from aiohttp import hdrs, web

from openwx import __version__, instance
from openwx.api import answers
from openwx.api.access import Access
from openwx.api.answers import Answer
from openwx.api.guard import guarded
from openwx.config.contract import POST_API
from openwx.errors import CallerError, Code
from openwx.reporter import delivery_error
from openwx.store.base import JournalError

if TYPE_CHECKING:
    from openwx.accounts.account import Account
    from openwx.accounts.manager import AccountManager
    from openwx.cluster.node import ClusterNode

_LOOKED_AT = 1000
"""Highest number of refused deliveries that is counted."""
_AWAY = frozenset({0, 408, 429, 502, 503, 504})
"""No answer, or "not now": temporary, and no refusal."""


class PendingWork(msgspec.Struct, kw_only=True):
    """Pending work: sends to WeChat, deliveries of reports, received media to download."""

    sends: int
    uploads: int
    media: int


class Refusals(msgspec.Struct, kw_only=True):
    """A backend that accepts nothing: the number of deliveries that it refused since it last accepted one."""

    count: int
    error: str
    """The error of the newest of them, in English."""
    error_code: str = ""
    """Its code."""
    target: str = POST_API
    """The name of the backend."""

    @property
    def words(self) -> str:
        last = "delivery" if self.count == 1 else f"{self.count} deliveries"
        return f"{self.target} accepts nothing: {self.error} (the last {last})"


class AccountHealth(msgspec.Struct, kw_only=True):
    """The state of an account. ``wanted`` is False after ``stop_client``: readiness does not wait for it.

    ``failed`` is the number of failed deliveries in the outbox, None if the journal cannot be read. ``sync_age_s`` is
    None before the first sync.
    """

    state: str
    state_reason: str
    wanted: bool
    waiting: PendingWork
    failed: int | None
    sync_age_s: float | None
    refused: Refusals | msgspec.UnsetType = msgspec.UNSET
    """Only if a target accepts nothing: the first one of them."""
    refusing: list[Refusals] | msgspec.UnsetType = msgspec.UNSET
    """All of them."""


class Readiness(msgspec.Struct, kw_only=True):
    """Code 0 and HTTP 200 if all accounts that should run do, and the journal is writable; else 503, and -4 or -5.

    Where several nodes share the accounts, -4 says that this node has no lease, or drains.
    """

    code: int
    status: str
    version: str | msgspec.UnsetType = msgspec.UNSET
    """This and the following members are only for callers with a token, and of their accounts alone."""
    started: int | msgspec.UnsetType = msgspec.UNSET
    """Unix time in seconds."""
    accounts: dict[str, AccountHealth] | msgspec.UnsetType = msgspec.UNSET
    journal: str | msgspec.UnsetType = msgspec.UNSET
    """Why the journal cannot be written; empty if it can."""
    node: str | msgspec.UnsetType = msgspec.UNSET
    """The name of this node; only where several share the accounts, as the next one."""
    lost: list[str] | msgspec.UnsetType = msgspec.UNSET
    """The accounts that no node can take: none has room, or knows them."""


class Health:
    """The handlers."""

    def __init__(
        self, gateway: "AccountManager", access: Access, node: "ClusterNode | None" = None
    ) -> None:
        """``node``: this process as one of several."""
        self._gateway = gateway
        self._node = node
        self._access = access

    def add_to(self, router: web.UrlDispatcher) -> None:
        for path, probe in (("/healthz", self.alive), ("/readyz", self.ready)):
            router.add_get(path, guarded(self._access, probe))

    async def alive(self, request: web.Request) -> Answer:
        """Answer that the process lives, and prove to a command which gateway it is."""
        answer = _uncached(answers.success({"code": int(Code.DONE), "status": "alive"}))
        if challenge := request.headers.get(instance.CHALLENGE):
            answer.headers[instance.PROOF] = instance.proof(self._access.instance_id, challenge)
        return answer

    async def ready(self, request: web.Request) -> Answer:
        """Answer whether the journal is writable, and every account that should run is running.

        Of several nodes: whether this one has its lease and does not drain, whatever its accounts do.
        """
        gateway, node = self._gateway, self._node
        accounts = gateway.accounts.values()
        readiness = Readiness(code=int(Code.DONE), status="ready")
        why = "" if node is None else node.why_not_ready
        if why or (node is None and self._is_one_missing()):
            readiness = Readiness(code=int(Code.NOT_RUNNING), status="not ready")
        trouble = gateway.journal_trouble
        if trouble:
            readiness = Readiness(code=int(Code.GAVE_UP), status="not ready")
        caller = await self._access.caller_by_query(request)
        if caller is not None:
            if trouble or why:
                readiness.status = f"not ready: {trouble or why}"
            if node is not None:
                readiness.node = node.name
                readiness.lost = [*filter(caller.sees, node.lost)]
            readiness.journal = trouble
            readiness.version = __version__
            readiness.started = int(gateway.started)
            seen = [one for one in accounts if caller.sees(one.name)]
            readiness.accounts = {one.name: await self._health(one) for one in seen}
        answer = _uncached(answers.success(readiness))
        answer.status = 503 if readiness.code else 200
        return answer

    def _is_one_missing(self) -> bool:
        gateway = self._gateway
        accounts = gateway.accounts.values()
        return any(gateway.should_run(one) and not one.is_running for one in accounts)

    async def _health(self, account: "Account") -> AccountHealth:
        waiting = account.waiting
        try:
            failed: int | None = await account.outbox.count_failed()
            refusing = await _refusing(account) if failed or waiting.reports else []
        except (CallerError, JournalError):
            failed, refusing = None, []
        age_s = account.sync_age_s
        return AccountHealth(
            state=str(account.state),
            state_reason=account.state_reason,
            wanted=self._gateway.should_run(account),
            waiting=PendingWork(sends=waiting.sends, uploads=waiting.reports, media=waiting.media),
            failed=failed,
            sync_age_s=None if age_s is None else round(age_s, 1),
            refused=refusing[0] if refusing else msgspec.UNSET,
            refusing=refusing or msgspec.UNSET,
        )


async def _refusing(account: "Account") -> list[Refusals]:
    """List the targets that accept nothing, in their order."""
    found = [await _refused(account, target.name) for target in account.targets]
    return [one for one in found if one is not None]


async def _refused(account: "Account", target: str) -> Refusals | None:
    """Count what a target refused since it last accepted something; None if one message may be at fault."""
    box = account.outbox
    accepted = await box.delivered(1, target=target)
    since = accepted[0].ended if accepted else 0.0
    failed = [one for one in await box.failed(_LOOKED_AT, target=target) if one.ended > since]
    waiting = [one for one in await box.waiting(_LOOKED_AT, target=target) if one.created > since]
    refused = [*(one for one in waiting if one.tries and one.http_status not in _AWAY), *failed]
    if len(refused) < (2 if accepted else 1):
        return None
    error = next((one.error for one in refused if one.error), "")
    return Refusals(
        count=len(refused),
        error=delivery_error.words_of(error) or "no reason is known",
        error_code=delivery_error.code_of(error),
        target=target,
    )


def _uncached(answer: Answer) -> Answer:
    """Forbid proxies to cache the answer."""
    answer.headers[hdrs.CACHE_CONTROL] = "no-store"
    return answer
