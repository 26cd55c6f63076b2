"""Examples of the routes that send messages and upload media."""

import asyncio
import base64

from openwx.simulator import Fault
from openwx.simulator.media import PNG

from .book import Example, Scene, Topic, fails, refuses, the_disk_is_full, wechat_is_away

IN_BASE64 = base64.b64encode(PNG).decode()


async def a_picture(scene: Scene) -> None:
    """Write a picture to a folder of this machine."""
    folder = scene.world.data_dir.parent / "pictures"
    folder.mkdir(exist_ok=True)
    (folder / "holiday.png").write_bytes(PNG)
    scene.words["folder"] = str(folder)


async def an_uploaded_picture(scene: Scene) -> None:
    reply = await scene.gateway.post("upload_media", media_data=IN_BASE64, media_name="holiday.png")
    scene.words["media_id"] = reply.json["media_id"]


async def a_new_key(scene: Scene) -> None:
    scene.words["key"] = f"order-{1000 + len(scene.world.simulator.calls)}"


async def a_used_key(scene: Scene) -> None:
    await scene.gateway.get(
        "send_friend_message", id="filehelper", content="first", idempotency_key="order-1"
    )


async def the_queue_is_full(scene: Scene) -> None:
    """Fill the queue of sends: one hangs at WeChat, and one waits."""
    rule = scene.world.simulator.faults.add("webwxsendmsg", Fault.HANG)
    sends = []
    for content in ("first", "second"):
        call = scene.gateway.get("send_friend_message", id="filehelper", content=content)
        sends.append(asyncio.create_task(call))
        await rule.strikes()
    await scene.gateway.queues(2)

    async def afterwards() -> None:
        rule.release()
        await asyncio.gather(*sends)
        await scene.gateway.queues(0)

    scene.afterwards.push_async_callback(afterwards)


async def wechat_hangs(scene: Scene) -> None:
    rule = scene.world.simulator.faults.add("webwxsendmsg", Fault.HANG)

    async def afterwards() -> None:
        rule.release()
        await scene.gateway.queues(0)

    scene.afterwards.push_async_callback(afterwards)


def failures(whom: dict[str, str]) -> list[Example]:
    """List the failures of all routes that send."""
    text = whom | {"content": "你好"}
    return [
        Example("nothing to send", whom, code=-2, status=400),
        Example(
            "two media at once",
            whom | {"media_id": "@crypt_1a2b:3", "media_path": "/tmp/holiday.png"},
            code=-2,
            status=400,
        ),
        Example("a medium that nobody knows", whom | {"media_id": "7020000000000000001:3"}, code=100),
        Example("WeChat refuses", text, code=201, given=refuses("webwxsendmsg", -14)),
        Example("too often", text, code=1205, given=refuses("webwxsendmsg", 1205)),
        Example("no such file", whom | {"media_path": "/tmp/no-such-file.png"}, code=-3),
        Example(
            "WeChat keeps failing", text, code=-5, given=fails("webwxsendmsg", Fault.SERVER_ERROR)
        ),
        Example(
            "the journal cannot be written",
            text | {"async": "1"},
            code=-5,
            status=503,
            given=the_disk_is_full,
        ),
        Example(
            "a file that openwx may not read", whom | {"media_path": "/etc/hostname"},
            code=-8, status=403,
        ),
        Example(
            "the queue is full", text, code=-7, status=429, given=the_queue_is_full, place="impatient"
        ),
        Example(
            "WeChat does not answer in time", text, code=-1, status=504, given=wechat_hangs,
            place="very impatient",
        ),
    ]  # fmt: skip


GREY = {"account": "xiaohui2016"}

TOPIC: Topic = {
    "send_friend_message": [
        Example("a text", GREY | {"content": "你好"}),
        Example("a text to a remark name", {"markname": "李老师（数学）", "content": "下午三点见 😄"}),
        Example(
            "a picture on the machine of openwx, with a text",
            {"displayname": "小灰", "content": "看这张", "media_path": "{folder}/holiday.png"},
            given=a_picture,
        ),
        Example("a file part", GREY, file="holiday.png"),
        Example("a picture in base64", GREY | {"media_data": IN_BASE64, "media_name": "holiday.png"}),
        Example("a medium once more", GREY | {"media_id": "{media_id}"}, given=an_uploaded_picture),
        Example("without waiting", GREY | {"content": "稍后", "async": "1"}),
        Example("to one's own person", {"id": "@owner", "content": "备份完成"}),
        Example("to all friends", {"id": "@all", "content": "新年快乐 🎉"}),
        Example(
            "once, however often it is asked for",
            GREY | {"content": "付款成功"},
            headers={"Idempotency-Key": "{key}"},
            given=a_new_key,
        ),
        Example("no friend named", {"content": "你好"}, code=-2, status=400),
        Example("nobody is called so", {"displayname": "无此人", "content": "你好"}, code=100),
        Example("to oneself", {"id": "{me}", "content": "你好"}, code=101),
        Example("two of one name", {"displayname": "张伟", "content": "你好"}, code=102),
        Example(
            "a key that was used for another call", GREY | {"content": "second"},
            code=-2, status=400, given=a_used_key, headers={"Idempotency-Key": "order-1"},
        ),
        *failures(GREY),
    ],
    "send_message": [
        Example("to a group", {"id": "{PERL学习交流}", "content": "大家好"}),
        Example("to a friend", GREY | {"content": "你好"}),
        Example("nobody named", {"content": "你好"}, code=-2, status=400),
        Example("no such group", {"id": "@@nobody", "content": "大家好"}, code=100),
        Example("to oneself", {"id": "{me}", "content": "你好"}, code=101),
        Example("two of one name", {"displayname": "张伟", "content": "你好"}, code=102),
        *failures(GREY),
    ],
    "send_group_message": [
        Example("a text", {"displayname": "PERL学习交流", "content": "大家好"}),
        Example("a file part", {"displayname": "PERL学习交流"}, file="holiday.png"),
        Example("without waiting", {"id": "{PERL学习交流}", "content": "稍后", "async": "1"}),
        Example(
            "with a mention of everybody",
            {"displayname": "PERL学习交流", "content": "大家好", "at": "@all"},
        ),
        Example("no group named", {"content": "大家好"}, code=-2, status=400),
        Example("no group is called so", {"displayname": "无此群", "content": "大家好"}, code=100),
        Example(
            "whom it mentions is no member",
            {"displayname": "PERL学习交流", "content": "大家好", "at": "@gone"}, code=100,
        ),
        Example("two of one name", {"displayname": "项目组", "content": "大家好"}, code=102),
        *failures({"displayname": "PERL学习交流"}),
    ],
    "upload_media": [
        Example("a file part", file="holiday.png"),
        Example("a picture in base64", {"media_data": IN_BASE64, "media_name": "holiday.png"}),
        Example(
            "a picture on the machine of openwx", {"media_path": "{folder}/holiday.png"},
            given=a_picture,
        ),
        Example("no medium", code=-2, status=400),
        Example("no base64", {"media_data": "?"}, code=-2, status=400),
        Example("no such file", {"media_path": "/tmp/no-such-file.png"}, code=-3),
        Example(
            "a file that openwx may not read", {"media_path": "/etc/hostname"}, code=-8, status=403
        ),
        Example(
            "WeChat refuses", {"media_data": "aGVsbG8="}, code=201,
            given=refuses("webwxuploadmedia", 1),
        ),
        Example("WeChat is out of reach", {"media_data": "aGVsbG8h"}, code=-1, given=wechat_is_away),
        Example(
            "the journal cannot be written", {"media_data": "aGVsbG8hIQ=="}, code=-5,
            status=503,
            given=the_disk_is_full,
        ),
    ],
}  # fmt: skip
