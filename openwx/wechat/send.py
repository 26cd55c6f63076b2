"""Sending (protocol reference, section 6)."""

import random

from openwx.wechat import wire
from openwx.wechat.http import MAIN, Call
from openwx.wechat.pace import now_ms
from openwx.wechat.session import Session

_UNSENDABLE = dict.fromkeys(code for code in (*range(32), 127) if chr(code) not in "\t\n\r")
"""Control characters are dropped: JSON has them as escapes, and the phone would show these."""

_last_client_msg_id = 0


def new_client_msg_id() -> str:
    """Milliseconds followed by four digits. The server drops a second message with the same one, so no two are
    alike in a process: random digits alone would lose one of thirty messages of a millisecond now and then."""
    global _last_client_msg_id  # noqa: PLW0603  uniqueness is the process's
    drawn = now_ms() * 10_000 + random.randrange(10_000)
    _last_client_msg_id = max(drawn, _last_client_msg_id + 1)
    return str(_last_client_msg_id)


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
                "Content": content.translate(_UNSENDABLE),
                "FromUserName": own_id,
                "ToUserName": to,
                "LocalID": client_msg_id,
                "ClientMsgId": client_msg_id,
            },
            "Scene": 0,
        },
    )
