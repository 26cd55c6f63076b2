"""Routes for deliveries to ``post_api`` that failed or wait."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from pydantic import Field

from openwx.accounts.outbox import LISTED
from openwx.api.models import Call
from openwx.api.routing import route
from openwx.store.records import ListedReport

if TYPE_CHECKING:
    from openwx.accounts.account import Account

ALL = "all"


class Delivery(msgspec.Struct, kw_only=True):
    """A delivery that failed or waits. ``created``, ``failed`` and ``next_try`` are Unix times; ``failed`` is 0 if it
    waits, ``http_status`` if there was no answer. ``tries`` are those until now, ``http_status`` and ``error`` are of
    the last one. ``next_try`` is 0 if it failed, if others of its chat go before it, and while it is tried."""

    id: int
    webhook_id: str
    kind: str
    created: int
    failed: int
    tries: int
    http_status: int
    error: str
    next_try: int


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


class Deliveries(msgspec.Struct, kw_only=True):
    deliveries: Sequence[Delivery]
    code: int = 0
    status: str = "success"


class Outbox(Call):
    """Which deliveries to list."""

    state: Annotated[
        Literal["failed", "waiting"],
        Field(description="failed (given up) or waiting (still tried)"),
    ] = "failed"
    limit: Annotated[
        int, Field(ge=1, le=LISTED, description=f"a whole number from 1 to {LISTED}")
    ] = 100


@route("outbox", any_state=True, reads=True)
async def outbox(account: "Account", call: Outbox) -> Deliveries:
    """List the deliveries to `post_api` that failed, newest first, or those that wait, oldest first."""
    box = account.outbox
    listed = await (box.failed if call.state == "failed" else box.waiting)(call.limit)
    return Deliveries(deliveries=[_delivery(report) for report in listed])


class OutboxShow(Call):
    """Which delivery to show."""

    id: Annotated[int, Field(ge=1, lt=2**63, description="the id of a delivery")]


class DeliveryShown(msgspec.Struct, kw_only=True):
    """A delivery and what it says."""

    delivery: Delivery
    upload: msgspec.Raw
    code: int = 0
    status: str = "success"


@route("outbox_show", any_state=True, reads=True)
async def outbox_show(account: "Account", call: OutboxShow) -> DeliveryShown:
    """Show one delivery, with the JSON of its report."""
    report, body = await account.outbox.show(call.id)
    return DeliveryShown(delivery=_delivery(report), upload=msgspec.Raw(body))


class Chosen(Call):
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


class Count(msgspec.Struct, kw_only=True):
    """The number of deliveries for which it was done."""

    count: int
    code: int = 0
    status: str = "success"


@route("outbox_retry", any_state=True)
async def outbox_retry(account: "Account", call: Chosen) -> Count:
    """Send failed deliveries again, as if they were made now: oldest first, before newer ones of their chat. Try those
    that wait now. `all` means those that failed."""
    return Count(count=await account.outbox.retry(call.ids()))


@route("outbox_drop", any_state=True)
async def outbox_drop(account: "Account", call: Chosen) -> Count:
    """Drop failed deliveries."""
    return Count(count=await account.outbox.drop(call.ids()))
