"""Examples of the routes for remark names, pinned chats and friend requests."""

from .book import Example, Scene, Topic
from .changing import failures, no_such_friend, no_such_group

GREY = {"account": "xiaohui2016"}
NEW_NAME = {"new_markname": "灰老师"}
PIN = {"op": "1"}
ASK = {"id": "{stranger}", "verify": "我是群里的小王"}
REQUEST = {"id": "{who asks}", "ticket": "{ticket}", "displayname": "陌生人"}


async def somebody_asks(scene: Scene) -> None:
    """Let a stranger send a friend request, and name its id and ticket."""
    before = len(scene.world.receiver.events("friend_request"))
    scene.account.asks_to_be_friends("陌生人", "我是群里的小王")
    params = await scene.world.receiver.get_event("friend_request", before + 1)
    scene.words["who asks"], _, _, scene.words["ticket"] = params


TOPIC: Topic = {
    "set_markname": [
        Example("of a friend", GREY | NEW_NAME),
        Example("taken away", GREY | {"new_markname": ""}),
        *no_such_friend(NEW_NAME),
        Example("no name", GREY, code=-2, status=400),
        Example("of oneself", {"id": "{me}"} | NEW_NAME, code=101),
        *failures(GREY | NEW_NAME, "webwxoplog"),
    ],
    "stick": [
        Example("a friend to the top", GREY | PIN),
        Example("the same without op", GREY),
        Example("a group not any more", {"id": "{PERL学习交流}", "op": "0"}),
        *no_such_friend(PIN),
        Example("neither 1 nor 0", GREY | {"op": "maybe"}, code=-2, status=400),
        Example("oneself", {"id": "{me}"} | PIN, code=101),
        *failures(GREY | PIN, "webwxoplog"),
    ],
    "sticky_group": [
        Example("to the top", {"displayname": "PERL学习交流"} | PIN),
        *no_such_group(PIN),
        Example(
            "neither 1 nor 0", {"displayname": "PERL学习交流", "op": "maybe"}, code=-2, status=400
        ),
        *failures({"displayname": "PERL学习交流"} | PIN, "webwxoplog"),
    ],
    "make_friend": [
        Example("a member of a group", ASK),
        Example("no member", {"id": "@nobody"}, code=100),
        Example("already a friend", {"id": "{小灰}"}, code=101),
        Example("nobody named", code=-2, status=400),
        *failures(ASK, "webwxverifyuser"),
    ],
    "accept_friend_request": [
        Example("as the event told it", REQUEST, given=somebody_asks),
        Example("no ticket", {"id": "@1a2b3c"}, code=-2, status=400),
        *failures(REQUEST, "webwxverifyuser", somebody_asks),
    ],
}
