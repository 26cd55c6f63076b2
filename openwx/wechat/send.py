"""Sending (protocol reference, section 6)."""

import random

from openwx.wechat import wire
from openwx.wechat.http import MAIN, Call
from openwx.wechat.pace import now_ms
from openwx.wechat.session import Session


def new_client_msg_id() -> str:
    """Milliseconds followed by four random digits. The server drops a second message with the same one."""
    return f"{now_ms()}{random.randrange(10_000):04d}"


def text(
    session: Session, own_id: str, to: str, content: str, client_msg_id: str
) -> Call[wire.SendReply]:
    """A text to a friend or a group. Safe to repeat with the same ``client_msg_id``."""
    return Call(
        name="webwxsendmsg",
        path=MAIN + "webwxsendmsg",
        method="POST",
        reply=wire.SendReply,
        query={"lang": "zh_CN", "pass_ticket": session.pass_ticket},
        body={
            "BaseRequest": session.base_request(),
            "Msg": {
                "Type": 1,
                "Content": content,
                "FromUserName": own_id,
                "ToUserName": to,
                "LocalID": client_msg_id,
                "ClientMsgId": client_msg_id,
            },
            "Scene": 0,
        },
    )
