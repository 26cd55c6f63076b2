"""The published client itchat-uos, unmodified but for its BASE_URL: run as `itchat_client.py URL`.

Tells what it sees as JSON lines on stdout, and ends when it has sent its text and is logged out.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from typing import Any


def emit(what: str, **data: Any) -> None:
    # One write: lines of other threads come before or after it, never in between.
    sys.stdout.write(json.dumps({"what": what, **data}, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def main(url: str) -> None:
    import itchat
    import itchat.config
    import itchat.content

    os.chdir(tempfile.mkdtemp())
    itchat.config.BASE_URL = url
    texts = 0

    def heard(message: Any) -> None:
        nonlocal texts
        texts += 1
        sender = message.get("ActualNickName") or message["User"]["NickName"]
        emit("message", sender=sender, text=message["Text"], chat=message["User"]["NickName"])
        if texts == 2:
            friend = itchat.search_friends(nickName="小灰")[0]
            answered = itchat.send("收到 <两条> & 谢谢😄", toUserName=friend["UserName"])
            emit("sent", ret=answered["BaseResponse"]["Ret"], msg_id=answered.get("MsgID", ""))

    itchat.msg_register(itchat.content.TEXT, isFriendChat=True, isGroupChat=True)(heard)
    itchat.auto_login(
        qrCallback=lambda uuid, status, qrcode: emit("code", uuid=uuid, status=status),
        loginCallback=lambda: emit(
            "login",
            friends=[friend["NickName"] for friend in itchat.get_friends()],
            groups=[group["NickName"] for group in itchat.get_chatrooms()],
        ),
        exitCallback=lambda: emit("exit"),
    )
    itchat.run()


if __name__ == "__main__":
    main(sys.argv[1])
