"""Routes for deliveries to ``post_api`` that failed or wait."""

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from pydantic import Field

from openwx.accounts.outbox import MOST
from openwx.api.models import Call
from openwx.api.routing import route
from openwx.schemas import Count, Deliveries, Delivery, DeliveryShown
from openwx.store.records import ListedReport

if TYPE_CHECKING:
    from openwx.accounts.account import Account

ALL = "all"


def _delivery(upload: ListedReport) -> Delivery:
    return Delivery(
        id=upload.id,
        webhook_id=f"msg_{upload.uid}",
        kind=upload.kind,
        created=int(upload.created),
        failed=int(upload.settled),
        tries=upload.tries,
        http_status=upload.status,
        error=upload.error,
        next_try=int(getattr(upload, "next_try", 0)),
    )


class Outbox(Call):
    """Which deliveries to list."""

    state: Annotated[
        Literal["failed", "waiting"],
        Field(description="failed (given up) or waiting (still tried)"),
    ] = "failed"
    limit: Annotated[int, Field(ge=1, le=MOST, description=f"a whole number from 1 to {MOST}")] = (
        100
    )


@route("outbox", any_state=True, reads=True)
async def outbox(account: "Account", call: Outbox) -> Deliveries:
    """The deliveries to `post_api` that failed, newest first, or those that wait, oldest first."""
    box = account.outbox
    listed = await (box.failed if call.state == "failed" else box.waiting)(call.limit)
    return Deliveries(deliveries=[_delivery(upload) for upload in listed])


class OutboxShow(Call):
    """Which delivery to show."""

    id: Annotated[int, Field(ge=1, lt=2**63, description="the id of a delivery")]


@route("outbox_show", any_state=True, reads=True)
async def outbox_show(account: "Account", call: OutboxShow) -> DeliveryShown:
    """One delivery, with the JSON that was to be uploaded."""
    upload, body = await account.outbox.show(call.id)
    return DeliveryShown(delivery=_delivery(upload), upload=msgspec.Raw(body))


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
        """None for all."""
        return None if self.id == ALL else [int(id) for id in self.id.split(",")]


@route("outbox_retry", any_state=True)
async def outbox_retry(account: "Account", call: Chosen) -> Count:
    """Send failed deliveries again, as if they were made now: before newer ones of their chat, oldest first. Those that
    wait are tried now; `all` means those that failed."""
    return Count(count=await account.outbox.retry(call.ids()))


@route("outbox_drop", any_state=True)
async def outbox_drop(account: "Account", call: Chosen) -> Count:
    """Forget failed deliveries."""
    return Count(count=await account.outbox.drop(call.ids()))
