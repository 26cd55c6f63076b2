"""The route that recalls messages. ``app`` serves it."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from openwx.api.callers import Scope
from openwx.api.models import RequestModel
from openwx.api.routing import route
from openwx.schemas import MessageRevoked
from openwx.transports.base import Capability

if TYPE_CHECKING:
    from openwx.accounts.account import Account


class RevokeMessage(RequestModel):
    """A message that was sent."""

    id: Annotated[
        str,
        Field(
            pattern=r"^[0-9]{1,25}(:[^:]{1,300})?$",
            description="the msg_id (digits) or the id (msg_id:receiver) of a sent message",
        ),
    ]


@route("revoke_message", scope=Scope.SEND, needs=(Capability.RECALL,))
async def revoke_message(account: "Account", call: RevokeMessage) -> MessageRevoked:
    """Take back a message that the account sent within the last two minutes."""
    await account.recalls.recall(call.id)
    return MessageRevoked(id=call.id)
