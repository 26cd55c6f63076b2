"""Routes about the accounts themselves, and about what happens to them."""

import os
import sys
import time
from typing import TYPE_CHECKING, Annotated

import msgspec
from pydantic import Field

from openwx import __version__
from openwx.errors import CallerError, Code
from openwx.gateway.feed import encoded
from openwx.report.records import Upload
from openwx.web.models import Call
from openwx.web.routing import Image, LongPoll, route

if TYPE_CHECKING:
    from openwx.gateway.account import Account
    from openwx.gateway.gateway import Gateway

STOP_DELAY_S = 3
MAX_WAIT_S = 300


def _runtime_s(account: "Account") -> int:
    return max(0, int(time.time() - account.starttime))


class ClientInfo(msgspec.Struct, kw_only=True):
    """One account and the process that it runs in. ``starttime`` and ``runtime`` are seconds."""

    code: int = 0
    account: str
    pid: int
    os: str = sys.platform
    version: str = __version__
    starttime: int
    runtime: int
    http_debug: str = "0"
    log_encoding: str | None = None
    log_path: str | None
    log_level: str
    state: str
    state_reason: str
    status: str = "success"


@route("get_client_info", any_state=True)
async def get_client_info(gateway: "Gateway", account: "Account") -> ClientInfo:
    """How an account and its process are."""
    settings = gateway.settings
    return ClientInfo(
        account=account.name,
        pid=os.getpid(),
        starttime=int(account.starttime),
        runtime=_runtime_s(account),
        log_path=None if settings.log_path is None else str(settings.log_path),
        log_level=str(settings.log_level),
        state=account.state,
        state_reason=account.state_reason,
    )


class ClientStops(msgspec.Struct, kw_only=True):
    """An account that stops soon."""

    code: int = 0
    account: str
    pid: int
    starttime: int
    runtime: int
    status: str


@route("stop_client", any_state=True)
async def stop_client(gateway: "Gateway", account: "Account") -> ClientStops:
    """Stop an account, and the server where it is the only one; never a log-out."""
    gateway.stop_later(account, STOP_DELAY_S)
    pid = os.getpid()
    return ClientStops(
        account=account.name,
        pid=pid,
        starttime=int(account.starttime),
        runtime=_runtime_s(account),
        status=f"success, client({pid}) will stop in {STOP_DELAY_S} seconds",
    )


class Client(msgspec.Struct, kw_only=True):
    """One account in the list of ``check_client``."""

    account: str
    state: str
    state_reason: str
    pid: int
    port: int
    starttime: int
    runtime: int


class Clients(msgspec.Struct, kw_only=True):
    code: int = 0
    status: str = "success"
    client: list[Client]


class CheckClient(Call):
    """Which account; all of them without."""

    client: Annotated[str | None, Field(description="the name of an account")] = None


@route("check_client", any_state=True)
async def check_client(gateway: "Gateway", call: CheckClient) -> Clients:
    """The accounts and how they are."""
    accounts = gateway.accounts.values() if call.client is None else [gateway.account(call.client)]
    return Clients(
        client=[
            Client(
                account=account.name,
                state=account.state,
                state_reason=account.state_reason,
                pid=os.getpid(),
                port=gateway.port,
                starttime=int(account.starttime),
                runtime=_runtime_s(account),
            )
            for account in accounts
        ]
    )


@route("get_qrcode", any_state=True)
async def get_qrcode(account: "Account") -> Image:
    """The QR code that wants to be scanned for the login."""
    if account.qrcode_png is None:
        raise CallerError(
            Code.NOT_FOUND,
            f"no QR code is wanted now: the account is {account.state}",
            http_status=404,
        )
    return Image(account.qrcode_png, "image/png")


class CheckEvent(Call):
    timeout: Annotated[
        float,
        Field(
            ge=0,
            le=MAX_WAIT_S,
            allow_inf_nan=False,
            description=f"a number of seconds from 0 to {MAX_WAIT_S}",
        ),
    ] = 30


@route("check_event", any_state=True)
async def check_event(account: "Account", call: CheckEvent) -> LongPoll[Upload]:
    """The uploads since the last call, as soon as there are any; `[]` after the time."""
    feed = account.feed
    return LongPoll(feed.ready, feed.take, encoded, feed.put_back, call.timeout)
