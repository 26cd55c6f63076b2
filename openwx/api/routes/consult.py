"""The route that asks a friend and waits for what he answers."""

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import UNSET, UnsetType
from pydantic import Field

from openwx.api.models import FriendSelectors
from openwx.api.routes.sending import Content, send_and_wait
from openwx.api.routing import route

if TYPE_CHECKING:
    from openwx.accounts.account import Account

LONGEST_S = 300


class Consult(FriendSelectors, Content):
    """A friend, the question, and how long to wait for the answer."""

    timeout: Annotated[
        float,
        Field(
            ge=1, le=LONGEST_S, allow_inf_nan=False, description=f"seconds, from 1 to {LONGEST_S}"
        ),
    ] = 30.0


class Consulted(msgspec.Struct, kw_only=True):
    """A friend's answer; None and a ``reply_status`` where none came in time. A medium has its ``media_path``."""

    reply: str | None
    reply_status: str | UnsetType = UNSET
    media_path: str | UnsetType = UNSET
    status: str
    msg_id: str
    code: int


@route("consult", media=True, attended=True)
async def consult(account: "Account", call: Consult) -> Consulted:
    """Send a message to a friend, and wait for the next one from that friend."""
    selectors = call.selectors()
    call.check()
    friend = account.contacts.find_friend(**selectors)
    contents = await call.contents(account, keep=False)
    sent, answer = await account.questions.ask(
        friend, lambda begun: send_and_wait(account, friend, contents, begun), call.timeout
    )
    told = Consulted(reply=None, status=sent.status, msg_id=sent.msg_id, code=sent.code)
    if answer is None:
        told.reply_status = "reply timeout"
    else:
        told.reply = answer["content"]
        told.media_path = answer.get("media_path", UNSET)
    return told
