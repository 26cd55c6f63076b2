"""Routes for deliveries to ``post_api`` that failed or wait."""

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from pydantic import Field

from openwx.accounts.outbox import LISTED
from openwx.api.callers import Scope
from openwx.api.models import RequestModel
from openwx.api.routing import route
from openwx.schemas import Count, Deliveries, Delivery, DeliveryShown
from openwx.store.records import ListedReport

if TYPE_CHECKING:
    from openwx.accounts.account import Account

ALL = "all"


def _delivery(report: ListedReport) -> Delivery:
    return Delivery(
        id=report.id,
        webhook_id=f"msg_{report.uid}",
        kind=report.kind,
        created=int(report.created),
        failed=int(report.ended),
        tries=report.tries,
        http_status=report.http_status,
        error=report.error,
        next_try=int(getattr(report, "next_try", 0)),
    )


class OutboxQuery(RequestModel):
    """Which deliveries to list."""

    state: Annotated[
        Literal["failed", "waiting"],
        Field(description="failed (given up) or waiting (still tried)"),
    ] = "failed"
    limit: Annotated[
        int, Field(ge=1, le=LISTED, description=f"a whole number from 1 to {LISTED}")
    ] = 100


@route("outbox", scope=Scope.READ, any_state=True)
async def outbox(account: "Account", call: OutboxQuery) -> Deliveries:
    """List the deliveries to `post_api` that failed, newest first, or those that wait, oldest first."""
    box = account.outbox
    listed = await (box.failed if call.state == "failed" else box.waiting)(call.limit)
    return Deliveries(deliveries=[_delivery(report) for report in listed])


class OutboxShow(RequestModel):
    """Which delivery to show."""

    id: Annotated[int, Field(ge=1, lt=2**63, description="the id of a delivery")]


@route("outbox_show", scope=Scope.READ, any_state=True)
async def outbox_show(account: "Account", call: OutboxShow) -> DeliveryShown:
    """Show one delivery, with the JSON of its report."""
    report, body = await account.outbox.show(call.id)
    return DeliveryShown(delivery=_delivery(report), upload=msgspec.Raw(body))


class Chosen(RequestModel):
    """Which deliveries."""

    id: Annotated[
        str,
        Field(
            pattern=r"^(all|[0-9]{1,18}(,[0-9]{1,18})*)$",
            max_length=20_000,
            description=f"ids of deliveries joined by commas, or {ALL}",
        ),
    ]

    def ids(self) -> list[int] | None:
        """Return the ids that are named. None: all."""
        return None if self.id == ALL else [int(id) for id in self.id.split(",")]


@route("outbox_retry", scope=Scope.FULL, any_state=True)
async def outbox_retry(account: "Account", call: Chosen) -> Count:
    """Send failed deliveries again, as if they were made now: oldest first, before newer ones of their chat. Try those
    that wait now. `all` means those that failed."""
    return Count(count=await account.outbox.retry(call.ids()))


@route("outbox_drop", scope=Scope.FULL, any_state=True)
async def outbox_drop(account: "Account", call: Chosen) -> Count:
    """Drop failed deliveries."""
    return Count(count=await account.outbox.drop(call.ids()))
