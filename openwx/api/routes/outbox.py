"""Routes for deliveries that failed or wait. ``app`` serves them."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from openwx.accounts.outbox import LISTED
from openwx.api.callers import Scope
from openwx.api.models import RequestModel
from openwx.api.routing import route
from openwx.reporter import delivery_error
from openwx.reporter.payload import payload_in
from openwx.schemas import Count, Deliveries, Delivery, DeliveryShown
from openwx.store.records import ListedDelivery

if TYPE_CHECKING:
    from openwx.accounts.account import Account

ALL = "all"


def _delivery(one: ListedDelivery) -> Delivery:
    return Delivery(
        id=one.id,
        target=one.target,
        webhook_id=f"msg_{one.uid}",
        kind=one.kind,
        created=int(one.created),
        failed=int(one.ended),
        tries=one.tries,
        http_status=one.http_status,
        error=delivery_error.words_of(one.error),
        error_code=delivery_error.code_of(one.error),
        next_try=int(getattr(one, "next_try", 0)),
    )


class OfTarget(RequestModel):
    """Deliveries to one target, or to all."""

    target: Annotated[
        str | None,
        Field(max_length=300, description="the name of a target; without it, all of them"),
    ] = None


class OutboxQuery(OfTarget):
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
    """List the deliveries that failed, newest first, or those that wait, oldest first."""
    box = account.outbox
    list_them = box.failed if call.state == "failed" else box.waiting
    listed = await list_them(call.limit, target=call.target)
    return Deliveries(deliveries=[_delivery(one) for one in listed])


class OutboxShow(OfTarget):
    """Which delivery to show."""

    id: Annotated[int, Field(ge=1, lt=2**63, description="the id of a delivery")]


@route("outbox_show", scope=Scope.READ, any_state=True)
async def outbox_show(account: "Account", call: OutboxShow) -> DeliveryShown:
    """Show one delivery, with the JSON of its report. Where a report has several, one that failed is shown first."""
    one, body = await account.outbox.show(call.id, target=call.target)
    return DeliveryShown(delivery=_delivery(one), upload=payload_in(body))


class ChosenDeliveries(OfTarget):
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
async def outbox_retry(account: "Account", call: ChosenDeliveries) -> Count:
    """Send failed deliveries again, as if they were made now: oldest first, before newer ones of their chat. Try those
    that wait now. `all` means those that failed. An id without a target means all deliveries of that report."""
    return Count(count=await account.outbox.retry(call.ids(), target=call.target))


@route("outbox_drop", scope=Scope.FULL, any_state=True)
async def outbox_drop(account: "Account", call: ChosenDeliveries) -> Count:
    """Drop failed deliveries."""
    return Count(count=await account.outbox.drop(call.ids(), target=call.target))
