"""The published client itchat-uos with media, groups and friends: `itchat_media_client.py URL DIR`.

Unmodified but for its BASE_URL. Tells as JSON lines what it receives, downloads included; the text
`go` lets it send the files in DIR, change a remark, make a group and change it, and take back.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any


def emit(what: str, **data: Any) -> None:
    # One write: lines of other threads come before or after it, never in between.
    sys.stdout.write(json.dumps({"what": what, **data}, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def received(message: Any) -> None:
    content = message["Text"]
    if callable(content):
        data = content()
        content = {"size": len(data), "md5": hashlib.md5(data).hexdigest()}
    emit("received", type=message["Type"], content=content, file_name=message.get("FileName", ""))


def acts(folder: Path) -> None:
    """Make all calls that change something, and print the Ret of each."""
    import itchat

    friend = itchat.search_friends(nickName="小灰")[0]
    to = friend["UserName"]

    def acted(act: str, answer: Any, **more: Any) -> Any:
        emit("act", act=act, ret=answer["BaseResponse"]["Ret"], **more)
        return answer

    acted("image", itchat.send_image(str(folder / "a.png"), to))
    acted("sticker", itchat.send_image(str(folder / "a.gif"), to))
    acted("video", itchat.send_video(str(folder / "a.mp4"), to))
    acted("file", itchat.send_file(str(folder / "报告.txt"), to))
    sent = acted("text", itchat.send("oops", to))
    acted("revoke", itchat.revoke(sent["MsgID"], to, sent["LocalID"]))
    acted("alias", itchat.set_alias(to, "灰 & 哥"))
    acted("pin", itchat.set_pinned(to, True))
    momo, third = (itchat.search_friends(nickName=name)[0] for name in ("momo", "🥰"))
    made = acted("create", itchat.create_chatroom([friend, momo], "itchat 的群"))
    group = made["ChatRoomName"]
    acted("add", itchat.add_member_into_chatroom(group, [third]))
    acted("delete", itchat.delete_member_from_chatroom(group, [momo]))
    acted("rename", itchat.set_chatroom_name(group, "新名字"))
    member = next(m for m in itchat.update_chatroom(group)["MemberList"] if m["UserName"] == to)
    for who in (
        {"userName": to},
        {"chatroomUserName": group},
        {"userName": member["UserName"], "chatroomUserName": group},
    ):
        emit("avatar", begins=itchat.get_head_img(**who)[:8].hex())
    stranger = next(
        m
        for m in itchat.search_chatrooms(name="PERL学习交流")[0]["MemberList"]
        if not itchat.search_friends(userName=m["UserName"]) and m["UserName"] != to
    )
    acted("ask", itchat.add_friend(stranger["UserName"], verifyContent="你好", autoUpdate=False))
    emit("done")


def main(url: str, folder: Path) -> None:
    import itchat
    import itchat.config
    import itchat.content as kinds

    os.chdir(tempfile.mkdtemp())
    itchat.config.BASE_URL = url

    def heard(message: Any) -> None:
        if message["Text"] == "go":
            acts(folder)

    itchat.msg_register(kinds.TEXT, isFriendChat=True)(heard)
    itchat.msg_register(
        [kinds.PICTURE, kinds.RECORDING, kinds.VIDEO, kinds.ATTACHMENT, kinds.SHARING, kinds.CARD,
         kinds.NOTE, kinds.FRIENDS, kinds.MAP],
        isFriendChat=True, isGroupChat=True,
    )(received)  # fmt: skip
    itchat.auto_login(
        qrCallback=lambda uuid, status, qrcode: emit("code", uuid=uuid, status=status),
        loginCallback=lambda: emit("login"),
        exitCallback=lambda: emit("exit"),
    )
    itchat.run()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
