"""For whoever watches the process: ``/healthz`` and ``/readyz``. They stand outside of ``/openwx/``.

Host and Origin are judged as everywhere; HEAD is answered as GET, since nothing here does anything.
"""

from typing import TYPE_CHECKING

import msgspec
from aiohttp import hdrs, web

from openwx import __version__
from openwx.errors import CallerError, Code
from openwx.web import answers
from openwx.web.access import Access
from openwx.web.answers import Answer
from openwx.web.guard import guarded

if TYPE_CHECKING:
    from openwx.gateway.account import Account
    from openwx.gateway.gateway import Gateway


class Waiting(msgspec.Struct, kw_only=True):
    """So much is still to be done: sends to WeChat, uploads to ``post_api``, received media to fetch."""

    sends: int
    uploads: int
    media: int


class AccountHealth(msgspec.Struct, kw_only=True):
    """How an account is. ``wanted`` is False for one that ``stop_client`` stopped, which nobody waits for.

    ``failed`` uploads are in the outbox; None where the journal cannot be read. ``sync_age_s`` is None before the
    first sync round.
    """

    state: str
    state_reason: str
    wanted: bool
    waiting: Waiting
    failed: int | None
    sync_age_s: float | None


class Readiness(msgspec.Struct, kw_only=True):
    """Code 0 and HTTP 200 when every account that should run does; else -4 and 503."""

    code: int
    status: str
    version: str | msgspec.UnsetType = msgspec.UNSET
    """This and what follows is only for those who have the token."""
    started: int | msgspec.UnsetType = msgspec.UNSET
    """Unix time in seconds."""
    accounts: dict[str, AccountHealth] | msgspec.UnsetType = msgspec.UNSET


class Health:
    """The handlers."""

    def __init__(self, gateway: "Gateway", access: Access) -> None:
        self._gateway = gateway
        self._access = access

    def add_to(self, router: web.UrlDispatcher) -> None:
        for path, probe in (("/healthz", self.alive), ("/readyz", self.ready)):
            router.add_get(path, guarded(self._access, probe))

    async def alive(self, _: web.Request) -> Answer:
        """The process answers."""
        return _fresh(answers.success({"code": int(Code.DONE), "status": "alive"}))

    async def ready(self, request: web.Request) -> Answer:
        """Whether every account that should run can be used now."""
        gateway = self._gateway
        accounts = gateway.accounts.values()
        waited_for = [one for one in accounts if gateway.wants(one) and not one.is_running]
        readiness = Readiness(code=int(Code.DONE), status="ready")
        if waited_for:
            readiness = Readiness(code=int(Code.NOT_RUNNING), status="not ready")
        if await self._access.shows_token(request):
            readiness.version = __version__
            readiness.started = int(gateway.started)
            readiness.accounts = {one.name: await self._health(one) for one in list(accounts)}
        answer = _fresh(answers.success(readiness))
        answer.status = 503 if waited_for else 200
        return answer

    async def _health(self, account: "Account") -> AccountHealth:
        try:
            failed = await account.outbox.count_failed()
        except CallerError:
            failed = None
        age_s = account.sync_age_s
        return AccountHealth(
            state=str(account.state),
            state_reason=account.state_reason,
            wanted=self._gateway.wants(account),
            waiting=Waiting(**account.waiting._asdict()),
            failed=failed,
            sync_age_s=None if age_s is None else round(age_s, 1),
        )


def _fresh(answer: Answer) -> Answer:
    """Not to be kept by a proxy."""
    answer.headers[hdrs.CACHE_CONTROL] = "no-store"
    return answer
