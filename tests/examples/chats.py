"""Examples of the routes for stored messages, read chats and contacts that are fetched anew."""

from .book import Example, Scene, Topic, both
from .changing import failures

GREY = {"account": "xiaohui2016"}


async def somebody_wrote(scene: Scene) -> None:
    """Let a friend write three messages, and name the number before the last."""
    receiver = scene.world.receiver
    receiver.forget()
    scene.friend().says("在吗？")
    scene.friend().says("几点出发？")
    scene.friend().says("六点，东门见")
    await receiver.get(content="六点，东门见")
    newest = await scene.gateway.get("get_history", limit="1", **GREY)
    scene.words["number"] = str(newest.json["before"])


async def all_were_fetched(scene: Scene) -> None:
    await scene.gateway.get("refresh_contacts")


TOPIC: Topic = {
    "get_history": [
        Example("the newest of a chat", GREY | {"limit": "2"}, given=somebody_wrote),
        Example(
            "the one before", GREY | {"before": "{number}", "limit": "1"}, given=somebody_wrote
        ),
        Example(
            "words in all chats", {"q": "东门 六点", "limit": "1"}, given=both(somebody_wrote, somebody_wrote)
        ),
        Example("nobody is called so", {"displayname": "无此人"}, code=100),
        Example("two of one name", {"displayname": "张伟"}, code=102),
        Example("oneself", {"id": "{me}"}, code=101),
        Example("no number", {"before": "yesterday"}, code=-2, status=400),
        Example("too many", {"limit": "201"}, code=-2, status=400),
    ],
    "mark_read": [
        Example("a friend's chat", GREY),
        Example("a group's chat", {"displayname": "PERL学习交流"}),
        Example("nobody named", code=-2, status=400),
        Example("nobody is called so", {"displayname": "无此人"}, code=100),
        Example("two of one name", {"displayname": "项目组"}, code=102),
        Example("oneself", {"id": "{me}"}, code=101),
        *failures(GREY, "webwxstatusnotify"),
    ],
    "refresh_contacts": [
        Example("one friend", GREY),
        Example("all contacts"),
        Example("nobody is called so", {"displayname": "无此人"}, code=100),
        Example("two of one name", {"displayname": "项目组"}, code=102),
        Example("oneself", {"id": "{me}"}, code=101),
        Example("no such account", {"client": "nobody"}, code=-2, status=400),
        Example(
            "all were fetched a moment ago", code=-7, status=429, given=all_were_fetched,
            place="telling",
        ),
        *failures(GREY, "webwxbatchgetcontact")[:2],
    ],
}  # fmt: skip
