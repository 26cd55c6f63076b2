"""The route that asks a friend and waits for the answer. ``app`` serves it."""

from typing import TYPE_CHECKING, Annotated

from msgspec import UNSET
from pydantic import Field

from openwx.api.callers import Scope
from openwx.api.contents import Content
from openwx.api.receivers import Receiver
from openwx.api.routing import route
from openwx.api.sends import send_and_wait
from openwx.schemas import Consulted
from openwx.transports.base import Capability

if TYPE_CHECKING:
    from openwx.accounts.account import Account

LONGEST_S = 300


class Consult(Receiver, Content):
    """A friend, or `id=@owner`, the question, and how long to wait for the answer."""

    timeout: Annotated[
        float,
        Field(
            ge=1, le=LONGEST_S, allow_inf_nan=False, description=f"seconds, from 1 to {LONGEST_S}"
        ),
    ] = 30.0


@route(
    "consult",
    scope=Scope.SEND,
    media=True,
    cancel_on_disconnect=True,
    needs=(Capability.SEND_TEXT,),
)
async def consult(account: "Account", call: Consult) -> Consulted:
    """Send a message to a friend, and wait for the next one from that friend."""
    call.selectors()
    call.check()
    friend = call.friend(account)
    contents = await call.contents(account, keep=False)
    sent, answer = await account.questions.ask(
        friend,
        lambda begun: send_and_wait(account, friend, contents, begun),
        call.timeout,
        is_owner=friend.id == account.owner_id,
    )
    return Consulted(
        reply=None if answer is None else answer["content"],
        reply_status="reply timeout" if answer is None else UNSET,
        media_path=UNSET if answer is None else answer.get("media_path", UNSET),
        status=sent.status,
        msg_id=sent.msg_id,
        code=sent.code,
    )
