"""Waiting for what happens, and following it."""

from openwx.gateway.gateway import Gateway

from .book import Example, Scene, Topic

SOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def behind(scene: Scene) -> Gateway:
    assert scene.gateway.service is not None
    return scene.gateway.service.gateway


async def a_friend_writes(scene: Scene) -> None:
    await scene.gateway.drain()
    scene.friend().says("在吗？")


async def the_account_has_stopped(scene: Scene) -> None:
    """A stream then ends once it has told what is kept."""
    stream = behind(scene).account(None).stream
    scene.afterwards.callback(setattr, stream, "ended", stream.ended)
    stream.end("the account default has stopped: stopped on request")


async def as_many_as_there_may_be(scene: Scene) -> None:
    streams = behind(scene).streams
    scene.afterwards.callback(setattr, streams, "taken", streams.taken)
    streams.taken = streams._most


TOPIC: Topic = {
    "check_event": [
        Example("a message that comes meanwhile", {"timeout": "60"}, given=a_friend_writes),
        Example(
            "what came after an id, from somebody",
            {"after": "0", "timeout": "0", "chat": "nobody"},
        ),
        Example("too long a time", {"timeout": "3600"}, code=-2, status=400),
    ],
    "events": [
        Example(
            "messages and logins after an id",
            {"after": "0", "type": "receive_message,login"},
            given=the_account_has_stopped,
        ),
        Example(
            "what came since a browser was connected last",
            headers={"Last-Event-ID": "7"},
            given=the_account_has_stopped,
        ),
        Example("a type that there is not", {"type": "messages"}, code=-2, status=400),
        Example("too many streams", given=as_many_as_there_may_be, code=-7, status=429),
    ],
    "ws": [
        Example("no WebSocket", code=-2, status=400),
        Example(
            "a format that there is not",
            {"format": "pictures"},
            code=-2,
            status=400,
            headers=SOCKET,
        ),
        Example(
            "too many streams, too",
            given=as_many_as_there_may_be,
            code=-7,
            status=429,
            headers=SOCKET,
        ),
    ],
}
