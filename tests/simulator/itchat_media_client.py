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


def tell(what: str, **data: Any) -> None:
    # One write: lines of other threads come before or after it, never in between.
    sys.stdout.write(json.dumps({"what": what, **data}, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def received(message: Any) -> None:
    content = message["Text"]
    if callable(content):
        data = content()
        content = {"size": len(data), "md5": hashlib.md5(data).hexdigest()}
    tell("received", type=message["Type"], content=content, file_name=message.get("FileName", ""))


def acts(folder: Path) -> None:
    """Make all calls that change something, and print the Ret of each."""
    import itchat

    friend = itchat.search_friends(nickName="小灰")[0]
    to = friend["UserName"]

    def told(act: str, answer: Any, **more: Any) -> Any:
        tell("act", act=act, ret=answer["BaseResponse"]["Ret"], **more)
        return answer

    told("image", itchat.send_image(str(folder / "a.png"), to))
    told("sticker", itchat.send_image(str(folder / "a.gif"), to))
    told("video", itchat.send_video(str(folder / "a.mp4"), to))
    told("file", itchat.send_file(str(folder / "报告.txt"), to))
    sent = told("text", itchat.send("oops", to))
    told("revoke", itchat.revoke(sent["MsgID"], to, sent["LocalID"]))
    told("alias", itchat.set_alias(to, "灰 & 哥"))
    told("pin", itchat.set_pinned(to, True))
    momo, third = (itchat.search_friends(nickName=name)[0] for name in ("momo", "🥰"))
    made = told("create", itchat.create_chatroom([friend, momo], "itchat 的群"))
    group = made["ChatRoomName"]
    told("add", itchat.add_member_into_chatroom(group, [third]))
    told("delete", itchat.delete_member_from_chatroom(group, [momo]))
    told("rename", itchat.set_chatroom_name(group, "新名字"))
    member = next(m for m in itchat.update_chatroom(group)["MemberList"] if m["UserName"] == to)
    for who in (
        {"userName": to},
        {"chatroomUserName": group},
        {"userName": member["UserName"], "chatroomUserName": group},
    ):
        tell("avatar", begins=itchat.get_head_img(**who)[:8].hex())
    stranger = next(
        m
        for m in itchat.search_chatrooms(name="PERL学习交流")[0]["MemberList"]
        if not itchat.search_friends(userName=m["UserName"]) and m["UserName"] != to
    )
    told("ask", itchat.add_friend(stranger["UserName"], verifyContent="你好", autoUpdate=False))
    tell("done")


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
        qrCallback=lambda uuid, status, qrcode: tell("code", uuid=uuid, status=status),
        loginCallback=lambda: tell("login"),
        exitCallback=lambda: tell("exit"),
    )
    itchat.run()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
