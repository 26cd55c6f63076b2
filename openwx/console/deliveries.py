"""Deliveries of reports: failed, waiting and recent ones, and sending again or discarding the failed.
``Console`` routes to them.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec
from aiohttp import web

from openwx.console.context import PageContext, base_of
from openwx.console.feed import feed_line
from openwx.console.wording import PageError, delivery_reason, says_more_than_status
from openwx.errors import Code
from openwx.reporter.payload import Payload, payload_in
from openwx.store.records import DeliveryStatus, ListedDelivery

SHOWN = 100
Tab = Literal["failed", "waiting", "delivered"]
STATES: tuple[Tab, ...] = ("failed", "waiting", "delivered")


async def deliveries(context: PageContext) -> web.StreamResponse:
    account, t = context.account(), context.t
    state: Tab = next((one for one in STATES if one == context.texts.get("state")), "failed")
    names = [target.name for target in account.targets]
    target = next((name for name in names if name == context.texts.get("target")), None)
    outbox = account.outbox
    listed: Sequence[ListedDelivery]
    if state == "failed":
        listed = await outbox.failed(SHOWN, target=target)
    elif state == "waiting":
        listed = await outbox.waiting(SHOWN, target=target)
    else:
        listed = await outbox.delivered(SHOWN, target=target)
    payloads = await account.history.payloads([one.id for one in listed])
    template = "parts/deliveries.html" if context.is_fragment else "deliveries.html"
    return context.page(
        template,
        account=account,
        state=state,
        states=STATES,
        target=target,
        listed=listed,
        lines={
            one.id: feed_line(one.id, one.created, payloads.get(one.id, {}), t) for one in listed
        },
        reasons={one.key: delivery_reason(one, t) for one in listed if says_more_than_status(one)},
        most=SHOWN,
    )


async def delivery(context: PageContext) -> web.StreamResponse:
    """Show the deliveries of one report, and its request body."""
    account, t = context.account(), context.t
    report = await account.history.by_id(context.number("id") or 0)
    if report is None:
        raise PageError(Code.NOT_FOUND, "error.no_delivery")
    listed = await account.outbox.of_report(report.id)
    return context.page(
        "delivery.html",
        account=account,
        report=report,
        listed=listed,
        statuses=DeliveryStatus,
        line=feed_line(report.id, report.created, payload_in(report.body), t),
        reasons={one.key: delivery_reason(one, t) for one in listed if one.error},
        json=_indented(payload_in(report.body)),
    )


def _indented(payload: Payload) -> str:
    return msgspec.json.format(msgspec.json.encode(payload), indent=2).decode() if payload else ""


async def retry(context: PageContext) -> web.StreamResponse:
    """Send one failed delivery again, or all."""
    account = context.account()
    count = await account.outbox.retry(_chosen_ids(context), target=_chosen_target(context))
    state = "waiting" if count else "failed"
    return context.redirect(f"{base_of(account.name)}/deliveries", state=state)


async def drop(context: PageContext) -> web.StreamResponse:
    """Discard one failed delivery, or all."""
    account = context.account()
    await account.outbox.drop(_chosen_ids(context), target=_chosen_target(context))
    return context.redirect(f"{base_of(account.name)}/deliveries", state="failed")


def _chosen_ids(context: PageContext) -> list[int] | None:
    """Return the ids that the form names; None for all."""
    if context.texts.get("id") == "all":
        return None
    id = context.number("id")
    if id is None:
        raise PageError(Code.BAD_PARAMETER, "error.which_delivery")
    return [id]


def _chosen_target(context: PageContext) -> str | None:
    """Return the target that the form names; None for all."""
    return context.texts.get("target") or None
