"""Sending, recalling, remarks and pins (reference, 6 and 7)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .call import Call, Handler, RefusedError, json_answer, session_of
from .people import Group

if TYPE_CHECKING:
    from .world import World

_RECALL_LIMIT_S = 120


async def webwxsendmsg(world: World, call: Call) -> web.Response:
    """A text. The same ClientMsgId again answers the first one's MsgID and nobody hears it twice.

    A text for somebody who dropped the account is taken all the same, and bounces as MsgType 10000.
    """
    session = session_of(world, call)
    account = session.account
    msg = _dict(call.stored().get("Msg"))
    to = session.find(str(msg.get("ToUserName") or ""))
    if to is None or str(msg.get("FromUserName")) != session.id_of(account.owner):
        raise RefusedError(1)
    if isinstance(to, Group) and account.owner.key not in to.members:
        raise RefusedError(-2)
    text = msg.get("Content")
    if not isinstance(text, str) or not text or str(msg.get("Type")) != "1":
        raise RefusedError(1)
    client_msg_id = str(msg.get("ClientMsgId") or msg.get("LocalID") or "")
    heard = account.send(to, text, client_msg_id, 1, msg)
    return json_answer(MsgID=heard.msg_id, LocalID=str(msg.get("LocalID") or ""))


async def webwxrevokemsg(world: World, call: Call) -> web.Response:
    """Take back what was sent within two minutes; afterwards -2 (assumed)."""
    session = session_of(world, call)
    heard = session.account.by_msg_id.get(str(call.body.get("SvrMsgId") or ""))
    if heard is None or session.id_of(heard.to) != call.body.get("ToUserName"):
        raise RefusedError(1)
    if time.time() - heard.time > _RECALL_LIMIT_S:
        raise RefusedError(-2)
    heard.revoked = True
    session.account.pulse.beat()
    return json_answer(Introduction="", SysWording="")


async def webwxoplog(world: World, call: Call) -> web.Response:
    """CmdId 2: a remark name. CmdId 3: pin or unpin; without RemarkName the remark is lost."""
    session = session_of(world, call)
    body = call.stored()
    chat = session.find(str(body.get("UserName") or ""))
    command = str(body.get("CmdId"))
    if chat is None or command not in ("2", "3"):
        raise RefusedError(1)
    if not isinstance(chat, Group):
        chat.remark = str(body.get("RemarkName") or "")
    elif command == "2":
        raise RefusedError(1)
    if command == "3":
        chat.pinned = str(body.get("OP")) == "1"
    session.account.contact_changed(chat)
    return json_answer()


async def webwxstatreport(world: World, call: Call) -> web.Response:
    """Statistics of the web page: wechat4u sends them, nobody reads them."""
    return json_answer()


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


CALLS: dict[str, Handler] = {
    "webwxsendmsg": webwxsendmsg,
    "webwxrevokemsg": webwxrevokemsg,
    "webwxoplog": webwxoplog,
    "webwxstatreport": webwxstatreport,
}
