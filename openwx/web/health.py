"""For whoever watches the process: ``/healthz`` and ``/readyz``. They stand outside of ``/openwx/``.

Host and Origin are judged as everywhere; HEAD is answered as GET, since nothing here does anything.
"""

from typing import TYPE_CHECKING

import msgspec
from aiohttp import hdrs, web

from openwx.errors import Code
from openwx.web import answers
from openwx.web.access import Access
from openwx.web.answers import Answer
from openwx.web.guard import guarded
from openwx.web.parameters import read_query

if TYPE_CHECKING:
    from openwx.gateway.gateway import Gateway


class AccountHealth(msgspec.Struct, kw_only=True):
    """How an account is. ``wanted`` is False for one that ``stop_client`` stopped, which nobody waits for."""

    state: str
    state_reason: str
    wanted: bool


class Readiness(msgspec.Struct, kw_only=True):
    """Code 0 and HTTP 200 when every account that should run does; else -4 and 503."""

    code: int
    status: str
    accounts: dict[str, AccountHealth] | msgspec.UnsetType = msgspec.UNSET
    """Only for those who have the token."""


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
        if self._has_token(request):
            readiness.accounts = {
                one.name: AccountHealth(
                    state=str(one.state),
                    state_reason=one.state_reason,
                    wanted=gateway.wants(one),
                )
                for one in accounts
            }
        answer = _fresh(answers.success(readiness))
        answer.status = 503 if waited_for else 200
        return answer

    def _has_token(self, request: web.Request) -> bool:
        return self._access.has_token(request, read_query(request))


def _fresh(answer: Answer) -> Answer:
    """Not to be kept by a proxy."""
    answer.headers[hdrs.CACHE_CONTROL] = "no-store"
    return answer
