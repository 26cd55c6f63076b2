"""The route that waits for what happens."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from openwx.gateway.feed import encoded
from openwx.report.records import Upload
from openwx.web.models import Call
from openwx.web.routing import LongPoll, route

if TYPE_CHECKING:
    from openwx.gateway.account import Account

MAX_WAIT_S = 300


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
