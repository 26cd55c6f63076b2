"""Deliveries to ``post_api``: those that failed, that wait, and that arrived of late."""

from collections.abc import Sequence
from typing import Literal

import msgspec
from aiohttp import web

from openwx.accounts.history import payload_of
from openwx.console.context import PageContext, base_of
from openwx.console.feed import happened
from openwx.errors import CallerError, Code
from openwx.store.records import DeliveryStatus, ListedReport

SHOWN = 100
State = Literal["failed", "waiting", "delivered"]
STATES: tuple[State, ...] = ("failed", "waiting", "delivered")


async def deliveries(visit: PageContext) -> web.StreamResponse:
    account = visit.account()
    state: State = next((one for one in STATES if one == visit.texts.get("state")), "failed")
    box = account.outbox
    listed: Sequence[ListedReport]
    if state == "failed":
        listed = await box.failed(SHOWN)
    elif state == "waiting":
        listed = await box.waiting(SHOWN)
    else:
        listed = await box.delivered(SHOWN)
    payloads = await account.history.payloads([one.id for one in listed])
    lines = {
        one.id: happened(visit, one.id, one.created, payloads.get(one.id, {})) for one in listed
    }
    template = "parts/deliveries.html" if visit.is_fragment else "deliveries.html"
    return visit.page(
        template,
        account=account,
        state=state,
        states=STATES,
        listed=listed,
        lines=lines,
        most=SHOWN,
    )


async def delivery(visit: PageContext) -> web.StreamResponse:
    """One, with what it says."""
    account = visit.account()
    upload = await account.history.by_id(visit.number("id") or 0)
    if upload is None:
        raise CallerError(Code.NOT_FOUND, "this delivery is not kept any more")
    return visit.page(
        "delivery.html",
        account=account,
        upload=upload,
        failed=upload.delivery_status == DeliveryStatus.FAILED,
        waiting=upload.delivery_status == 0,
        dropped=upload.delivery_status == DeliveryStatus.DROPPED,
        line=happened(visit, upload.id, upload.created, payload_of(upload)),
        json=_indented(upload.body),
    )


def _indented(body: bytes) -> str:
    return msgspec.json.format(body, indent=2).decode() if body else ""


async def retry(visit: PageContext) -> web.StreamResponse:
    """Send one that failed again, or all."""
    account = visit.account()
    count = await account.outbox.retry(_chosen(visit))
    return visit.go(f"{base_of(account)}/deliveries", state="waiting" if count else "failed")


async def drop(visit: PageContext) -> web.StreamResponse:
    """Forget one that failed, or all."""
    account = visit.account()
    await account.outbox.drop(_chosen(visit))
    return visit.go(f"{base_of(account)}/deliveries", state="failed")


def _chosen(visit: PageContext) -> list[int] | None:
    """None for all."""
    if visit.texts.get("id") == "all":
        return None
    id = visit.number("id")
    if id is None:
        raise CallerError(Code.BAD_PARAMETER, "id must be the id of a delivery, or all")
    return [id]
