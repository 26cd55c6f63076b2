"""Routes about the accounts themselves. ``app`` serves them."""

import os
import time
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace
from pydantic import ConfigDict, Field

from openwx import logcontext
from openwx.accounts import qrcode
from openwx.accounts.manager import chosen
from openwx.api.callers import Scope
from openwx.api.models import RequestModel
from openwx.api.routing import ImageReply, route
from openwx.errors import CallerError, Code
from openwx.reasons import ReasonCode
from openwx.schemas import (
    Budget,
    ClientInfo,
    Clients,
    ClientStarted,
    ClientStops,
    CodeAccepted,
    ListedClient,
)

if TYPE_CHECKING:
    from openwx.accounts.account import Account
    from openwx.api.elsewhere import Whereabouts
    from openwx.api.visible import VisibleGateway

STOP_DELAY_S = 3
VERIFY_CODE = r"^[0-9]{4,8}$"


def _runtime_s(account: "Account") -> int:
    return max(0, int(time.time() - account.starttime))


def _info(gateway: "VisibleGateway", account: "Account") -> ClientInfo:
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
        reason_code=account.reason.code,
        transport=account.transport_kind,
        capabilities=tuple(sorted(account.capabilities)),
        node=gateway.node or UNSET,
    )


@route("get_client_info", scope=Scope.READ, any_state=True)
async def get_client_info(gateway: "VisibleGateway", account: "Account") -> ClientInfo:
    """Get the state of an account and its process."""
    return _info(gateway, account)


class StopClient(RequestModel):
    """The name of an account; without it, the only one."""

    client: Annotated[str | None, Field(description="the name of an account")] = None


@route("stop_client", scope=Scope.FULL, any_state=True)
async def stop_client(gateway: "VisibleGateway", call: StopClient) -> ClientStops:
    """Stop an account, and the server where it is the only one; never a log-out.

    One of several stays stopped until `start_client`, also over a restart. Where several nodes share the accounts, it
    is stopped wherever it runs, and no server is.
    """
    where = await gateway.where_is(call.client)
    logcontext.also(account=where.account)
    account, pid = gateway.accounts.get(where.account), os.getpid()
    await gateway.stop_account(where.account, STOP_DELAY_S)
    status = f"success, client({pid}) will stop in {STOP_DELAY_S} seconds"
    if account is None:
        status = f"success, {where.account} will be stopped where it runs"
    return ClientStops(
        account=where.account,
        pid=pid,
        starttime=0 if account is None else int(account.starttime),
        runtime=0 if account is None else _runtime_s(account),
        node=where.node if gateway.node else UNSET,
        status=status,
    )


class StartClient(RequestModel):
    """The name of an account, and its settings: any key of `[accounts.NAME]`; lists are JSON or joined by commas."""

    model_config = ConfigDict(extra="allow")

    client: Annotated[
        str, Field(description="a name of up to 64 letters, digits and _ - . for an account")
    ]

    def settings(self) -> dict[str, str]:
        """Return all other parameters, as texts."""
        return {name: str(value) for name, value in (self.model_extra or {}).items()}


@route("start_client", scope=Scope.FULL, any_state=True)
async def start_client(gateway: "VisibleGateway", call: StartClient) -> ClientStarted:
    """Start another account, or one that has stopped; it is started again after a restart."""
    started = await gateway.start(call.client, call.settings())
    return ClientStarted(
        client=call.client,
        pid=os.getpid(),
        port=gateway.port,
        state=started.state if gateway.node else UNSET,
        node=started.node if gateway.node else UNSET,
        status="success" if started.is_new else "client already exists",
    )


class CheckClient(RequestModel):
    """The name of an account; without it, all."""

    client: Annotated[str | None, Field(description="the name of an account")] = None


@route("check_client", scope=Scope.READ, any_state=True)
async def check_client(gateway: "VisibleGateway", call: CheckClient) -> Clients:
    """List the accounts and their states."""
    every = await gateway.whereabouts()
    asked = [*every.values()] if call.client is None else [chosen(every, call.client)]
    here = gateway.accounts
    there = await gateway.listed_elsewhere([one for one in asked if one.account not in here])
    return Clients(
        client=[
            _listed_elsewhere(gateway, where, there.get(where.account))
            if (account := here.get(where.account)) is None
            else _listed(gateway, account)
            for where in asked
        ]
    )


def _listed(gateway: "VisibleGateway", account: "Account") -> ListedClient:
    settings = gateway.settings
    return ListedClient(
        **msgspec.structs.asdict(_info(gateway, account)),
        port=gateway.port,
        start_time=str(int(account.starttime)),
        download_media="1" if settings.media.download else "0",
        qrcode_path=str(qrcode.path(settings.data_dir, account.name)),
        budget=_budget(account),
    )


def _listed_elsewhere(
    gateway: "VisibleGateway", where: "Whereabouts", said: ListedClient | ReasonCode | None
) -> ListedClient:
    """Return what its node says of an account that does not run in this process, or else what this process knows."""
    if isinstance(said, ListedClient):
        return said
    settings = gateway.settings
    where = replace(where, silence=said)
    return ListedClient(
        account=where.account,
        pid=0,
        starttime=0,
        runtime=0,
        log_path=None,
        log_level=str(settings.log_level),
        state=where.state,
        state_reason=where.reason.text,
        reason_code=where.reason.code,
        transport=gateway.transport_of(where.account),
        node=where.node,
        port=gateway.port,
        start_time="0",
        download_media="1" if settings.media.download else "0",
        qrcode_path="",
    )


def _budget(account: "Account") -> tuple[Budget, ...] | UnsetType:
    return (
        tuple(
            Budget(id=one.id, sends_left=one.sends_left, until=int(one.until))
            for one in account.budgets
        )
        or UNSET
    )


@route("get_qrcode", scope=Scope.READ, any_state=True)
async def get_qrcode(account: "Account") -> ImageReply:
    """Get the QR code to scan for the login."""
    if account.qrcode_png is None:
        raise CallerError(
            Code.NOT_FOUND,
            f"there is no QR code to scan now: the account is {account.state}",
            http_status=404,
        )
    return ImageReply(account.qrcode_png, "image/png")


class VerifyCode(RequestModel):
    """The digits that the phone shows after the scan."""

    code: Annotated[str, Field(pattern=VERIFY_CODE, description="the 4 to 8 digits on the phone")]


@route("verify_code", scope=Scope.FULL, any_state=True)
async def verify_code(account: "Account", call: VerifyCode) -> CodeAccepted:
    """Hand in the digits that the phone shows after the scan, while `reason_code` is `need_verify_code`.

    Code 201 with `right` false: they are wrong, and can be handed in again. Code 101: none are wanted now.
    """
    if not await account.verify_code(call.code):
        words = "these digits are wrong; look at the phone again"
        raise CallerError(Code.REFUSED, words, right=False)
    return CodeAccepted()
