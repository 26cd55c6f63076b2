"""Examples of the routes for avatars."""

from .book import Example, Scene, Topic, refuses, wechat_is_away


async def his_picture_is_known(scene: Scene) -> None:
    reply = await scene.gateway.get("get_avatar", account="xiaohui2016")
    scene.words["etag"] = next(v for name, v in reply.headers.items() if name.lower() == "etag")


TOPIC: Topic = {
    "get_avatar": [
        Example("of a friend", {"account": "xiaohui2016"}),
        Example("of a member of a group", {"id": "{stranger}"}),
        Example(
            "for who has it already",
            {"account": "xiaohui2016"},
            status=304,
            given=his_picture_is_known,
            headers={"If-None-Match": "{etag}"},
        ),
        Example("nobody named", code=-2, status=400),
        Example("nobody is called so", {"displayname": "无此人"}, code=100),
        Example("two of one name", {"displayname": "张伟"}, code=102),
        Example(
            "WeChat refuses", {"account": "sunny_baby"}, code=201, given=refuses("webwxgeticon")
        ),
        Example("WeChat is out of reach", {"account": "tomjerry"}, code=-1, given=wechat_is_away),
    ],
}
