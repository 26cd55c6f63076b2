"""Examples of ``check_event`` and of the streams."""

from collections.abc import Mapping

import aiohttp
import msgspec

from tests.patience import PATIENCE_S
from tests.reply import Reply

from .book import Example, Scene, Topic

STREAM = aiohttp.ClientTimeout(total=PATIENCE_S)


async def a_friend_writes(scene: Scene) -> None:
    await scene.gateway.drain()
    scene.friend().says("在吗？")


async def somebody_was_away(scene: Scene) -> None:
    """Let a message arrive, and name the id before it, after which the reader continues."""
    first = await scene.gateway.get("check_event", after="now", timeout="0")
    came = {name.lower(): value for name, value in first.headers.items()}
    scene.words["id"] = came["x-openwx-last-id"]
    scene.friend().says("在吗？")
    while not (await scene.gateway.get("check_event", after=scene.words["id"])).json:
        pass


async def nothing_more_comes(scene: Scene) -> None:
    """End the account's stream, so that a reader gets the stored reports and then the end."""
    assert scene.gateway.service is not None
    stream = scene.gateway.service.gateway.account(None).stream
    scene.afterwards.callback(setattr, stream, "ended", stream.ended)
    stream.end("the account default has stopped: stopped on request")


async def all_streams_are_taken(scene: Scene) -> None:
    assert scene.gateway.service is not None
    slots = scene.gateway.service.gateway.streams
    scene.afterwards.callback(setattr, slots, "taken", slots.taken)
    slots.taken = slots._most


async def stream(scene: Scene, params: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
    """Read a stream until a message arrives, which is written after the stream has begun."""
    url = f"{scene.gateway.url}/openwx/events"
    async with scene.world.http.get(url, params=params, headers=headers, timeout=STREAM) as answer:
        read = b""
        while b"id: " not in read:
            read += await answer.content.readany()
        if "Last-Event-ID" not in headers:
            scene.friend().says("在吗？")
        while "在吗？" not in read.decode() or not read.endswith(b"\n\n"):
            read += await answer.content.readany()
        return Reply(answer.status, read, dict(answer.headers))


async def talk(scene: Scene, params: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
    """Call a route over a WebSocket, and receive a message. Answers with all frames in one list."""
    said: list[dict[str, object]] = []
    url = f"{scene.gateway.url}/openwx/ws"
    async with scene.world.http.ws_connect(url, params=params, headers=headers) as ws:

        async def hears() -> None:
            said.append({"openwx": await ws.receive_json(timeout=PATIENCE_S)})

        await hears()
        call = {"id": 1, "call": "get_client_info", "params": {}}
        said.append({"program": call})
        await ws.send_json(call)
        await hears()
        scene.friend().says("在吗？")
        await hears()
        body = msgspec.json.encode(said)
        return Reply(101, body, {"Content-Type": "application/json"})


HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
MESSAGES = {"type": "receive_message"}
LOST = Example("a type that is none", {"type": "messages", "after": "now"}, code=-2, status=400)
TAKEN = Example("as many streams as there may be", code=-7, status=429, given=all_streams_are_taken)

TOPIC: Topic = {
    "check_event": [
        Example("a message that comes meanwhile", {"timeout": "60"}, given=a_friend_writes),
        Example(
            "what came after an id", MESSAGES | {"after": "{id}", "timeout": "60"},
            given=somebody_was_away,
        ),
        Example(
            "what came from somebody", {"after": "0", "timeout": "0", "chat": "nobody"}
        ),
        Example("too long a time", {"timeout": "3600"}, code=-2, status=400),
        LOST,
    ],
    "events": [
        Example("messages as they come", MESSAGES, ask=stream),
        Example(
            "what came while one was away", MESSAGES, ask=stream, given=somebody_was_away,
            headers={"Last-Event-ID": "{id}"},
        ),
        Example(
            "all that is kept, until the account stops", {"after": "0", "type": "stop"},
            given=nothing_more_comes,
        ),
        LOST,
        TAKEN,
    ],
    "ws": [
        Example("a call, and a message that comes", MESSAGES, status=101, ask=talk),
        Example("no WebSocket", code=-2, status=400),
        Example(
            "a format that there is not", {"format": "pictures"}, code=-2, status=400,
            headers=HANDSHAKE,
        ),
        Example(
            "as many streams as there may be", code=-7, status=429, headers=HANDSHAKE,
            given=all_streams_are_taken,
        ),
    ],
}  # fmt: skip
