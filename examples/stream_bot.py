"""A bot behind a firewall: it connects to openwx, and one WebSocket carries messages and calls.

openwx needs no post_api for it. The bot saves the id of the last message that it answered, and continues after that id
when the connection, the bot or openwx was down: it answers what was written meanwhile, and nothing twice.

Run it: .venv/bin/python examples/stream_bot.py [OPENWX_URL] [FILE]   (with a token: OPENWX_TOKEN=… before it)
"""

import asyncio
import json
import os
import sys
from collections import deque
from pathlib import Path

import aiohttp

URL = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:3000"
LAST_ID = Path(sys.argv[2] if len(sys.argv) > 2 else "stream_bot.last_id")
PAUSE_S = 2


async def follow(http: aiohttp.ClientSession) -> None:
    """Answer messages of friends one after the other, until the connection ends."""
    after = LAST_ID.read_text() if LAST_ID.exists() else "now"
    params = {"after": after, "type": "receive_message", "format": "text"}
    async with http.ws_connect("/openwx/ws", params=params, max_msg_size=0) as ws:
        to_answer: deque[dict] = deque()
        is_waiting = False
        async for message in ws:
            frame = json.loads(message.data)
            match frame["type"]:
                case "cursor" if not to_answer:
                    save(frame["after"])
                case "event" if frame["event"]["type"] == "friend_message":
                    print(f"{frame['event']['sender']}: {frame['event']['content']}", flush=True)
                    to_answer.append(frame)
                case "answer":
                    print(f"answered: {frame['answer']['status']}", flush=True)
                    save(to_answer.popleft()["id"])
                    is_waiting = False
                case "missed" | "end":
                    print(frame["reason"], flush=True)
            if to_answer and not is_waiting:
                await ws.send_json(reply_to(to_answer[0]))
                is_waiting = True


def save(last_id: int) -> None:
    """Save where to continue. A bot that is stopped meanwhile leaves the former id, and no empty file."""
    new = LAST_ID.with_name(f"{LAST_ID.name}.new")
    new.write_text(str(last_id))
    new.replace(LAST_ID)


def reply_to(frame: dict) -> dict:
    """Build the call for a reply. Its key is the uid of the message, so a repeated call sends nothing twice."""
    event = frame["event"]
    params = {
        "id": event["sender_id"],
        "content": f"你说：{event['content']}",
        "async": True,
        "idempotency_key": f"stream_bot-{event['uid']}",
    }
    return {"id": frame["id"], "call": "send_friend_message", "params": params}


async def main() -> None:
    token = os.environ.get("OPENWX_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else None
    async with aiohttp.ClientSession(URL, headers=headers) as http:
        while True:
            try:
                await follow(http)
            except (aiohttp.ClientError, OSError) as error:
                print(f"no connection: {error}", flush=True)
            await asyncio.sleep(PAUSE_S)


if __name__ == "__main__":
    asyncio.run(main())
