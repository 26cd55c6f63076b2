"""Calls about the accounts, and about failed deliveries to their backends. ``Client`` inherits them."""

from collections.abc import Iterable
from typing import Literal

from openwx.client.answers import (
    ClientInfo,
    Clients,
    ClientStarted,
    ClientStops,
    CodeAccepted,
    Count,
    Deliveries,
    Delivery,
    DeliveryShown,
    Image,
    ListedClient,
)
from openwx.client.calls import OUTCOME_S, Calls


class Accounts(Calls):
    """Calls about accounts; they work in every state."""

    async def get_client_info(self) -> ClientInfo:
        """Get the state of the account and its process: ``state``, ``state_reason`` and more."""
        return await self._call("get_client_info", ClientInfo, {}, again=True)

    async def check_client(self, client: str | None = None) -> list[ListedClient]:
        """Get the states of all accounts, or of the one of this name."""
        return (await self._call("check_client", Clients, {"client": client}, again=True)).client

    async def start_client(self, client: str, **settings: str | float | bool) -> ClientStarted:
        """Start an account, or one that has stopped; ``settings`` are keys of ``[accounts.NAME]``."""
        parameters = {**settings, "client": client}
        return await self._call(
            "start_client", ClientStarted, parameters, wait_s=OUTCOME_S, again=True
        )

    async def stop_client(self, client: str | None = None) -> ClientStops:
        """Stop an account, and the server where it is the only one; never a log-out."""
        parameters = {} if client is None else {"client": client}
        return await self._call("stop_client", ClientStops, parameters)

    async def get_qrcode(self) -> Image:
        """Get the QR code for the login. Raises ``NotFound`` while there is none to scan."""
        return Image(*await self._image("get_qrcode", {}))

    async def verify_code(self, code: str) -> CodeAccepted:
        """Hand in the digits that the phone shows after the scan. Raises ``RefusedByWeChat`` where they are wrong, and
        ``NotPossible`` while none are wanted: ``reason_code`` is not ``need_verify_code``."""
        return await self._call("verify_code", CodeAccepted, {"code": code}, wait_s=OUTCOME_S)

    async def outbox(
        self,
        *,
        state: Literal["failed", "waiting"] = "failed",
        limit: int = 100,
        target: str | None = None,
    ) -> list[Delivery]:
        """List the deliveries that failed, newest first, or those that wait, oldest first; of one target, or of all."""
        parameters = {"state": state, "limit": limit, **_of(target)}
        return (await self._call("outbox", Deliveries, parameters, again=True)).deliveries

    async def outbox_show(self, id: int, *, target: str | None = None) -> DeliveryShown:
        """Get a delivery with its JSON; without a target the one of the report that failed, if there is one."""
        parameters = {"id": id, **_of(target)}
        return await self._call("outbox_show", DeliveryShown, parameters, again=True)

    async def outbox_retry(
        self, id: int | Iterable[int] | Literal["all"], *, target: str | None = None
    ) -> int:
        """Send failed deliveries again, to one target or to all, and return how many."""
        parameters = {"id": _chosen(id), **_of(target)}
        return (await self._call("outbox_retry", Count, parameters)).count

    async def outbox_drop(
        self, id: int | Iterable[int] | Literal["all"], *, target: str | None = None
    ) -> int:
        """Drop failed deliveries, to one target or to all, and return how many."""
        parameters = {"id": _chosen(id), **_of(target)}
        return (await self._call("outbox_drop", Count, parameters)).count


def _of(target: str | None) -> dict[str, str]:
    return {} if target is None else {"target": target}


def _chosen(id: int | Iterable[int] | str) -> str | int | list[int]:
    return id if isinstance(id, int | str) else list(id)
