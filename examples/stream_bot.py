"""A bot behind a firewall: nobody needs to reach it, it reaches openwx. One WebSocket brings messages and takes calls.

openwx needs no post_api for it. The bot keeps the id of what it has done in a file, and goes on there after any break,
its own or openwx's: who wrote meanwhile is answered then, and nobody twice.

Run it: python examples/stream_bot.py [OPENWX_URL] [FILE]      (with an access token: OPENWX_TOKEN=… before it)
"""

import asyncio
import json
import os
import sys
from collections import deque
from pathlib import Path

import aiohttp

URL = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:3000"
DONE = Path(sys.argv[2] if len(sys.argv) > 2 else "stream_bot.last_id")
PAUSE_S = 2


async def follow(http: aiohttp.ClientSession) -> None:
    """Answer what friends write, one after the other, until the connection ends."""
    after = DONE.read_text() if DONE.exists() else "now"
    wanted = {"after": after, "type": "receive_message", "format": "text"}
    async with http.ws_connect("/openwx/ws", params=wanted, max_msg_size=0) as ws:
        to_answer: deque[dict] = deque()
        is_asked = False
        async for message in ws:
            told = json.loads(message.data)
            match told["type"]:
                case "cursor" if not to_answer:
                    DONE.write_text(str(told["after"]))
                case "event" if told["event"]["type"] == "friend_message":
                    print(f"{told['event']['sender']}: {told['event']['content']}", flush=True)
                    to_answer.append(told)
                case "answer":
                    print(f"answered: {told['answer']['status']}", flush=True)
                    DONE.write_text(str(to_answer.popleft()["id"]))
                    is_asked = False
                case "missed" | "end":
                    print(told["reason"], flush=True)
            if to_answer and not is_asked:
                await ws.send_json(reply_to(to_answer[0]))
                is_asked = True


def reply_to(told: dict) -> dict:
    """A call. Its key is made of the message, so it is done once, also where a break has it asked for again."""
    event = told["event"]
    params = {
        "id": event["sender_id"],
        "content": f"你说：{event['content']}",
        "async": True,
        "idempotency_key": f"stream_bot-{event['uid']}",
    }
    return {"id": told["id"], "call": "send_friend_message", "params": params}


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
