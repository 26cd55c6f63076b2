"""Waiting for what happens."""

from .book import Example, Scene, Topic


async def a_friend_writes(scene: Scene) -> None:
    await scene.gateway.drain()
    scene.friend().says("在吗？")


TOPIC: Topic = {
    "check_event": [
        Example("a message that comes meanwhile", {"timeout": "60"}, given=a_friend_writes),
        Example("too long a time", {"timeout": "3600"}, code=-2, status=400),
    ],
}
