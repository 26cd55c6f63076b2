"""Accepts friend requests that say the password, and greets the new friend.

Point openwx at it, with the events that it lives on:

    [report]
    post_api = "http://127.0.0.1:8000/"
    post_event = true
    post_event_list = ["friend_request", "new_friend"]

Run it: python examples/accept_bot.py [PORT] [OPENWX_URL] [PASSWORD]
"""

import sys

import aiohttp
from aiohttp import web

openwx = aiohttp.web.AppKey("openwx", aiohttp.ClientSession)
PASSWORD = sys.argv[3] if len(sys.argv) > 3 else "芝麻开门"


async def call(app: web.Application, name: str, **parameters: str) -> None:
    async with app[openwx].post(f"/openwx/{name}", data=parameters) as response:
        answer = await response.json()
        print(name, answer, flush=True)


async def handle(request: web.Request) -> web.Response:
    upload = await request.json()
    match upload.get("event"), upload.get("params"):
        case "friend_request", [id, displayname, verify, ticket]:
            if PASSWORD in verify:
                await call(
                    request.app,
                    "accept_friend_request",
                    id=id,
                    displayname=displayname,
                    ticket=ticket,
                )
        case "new_friend", [friend]:
            words = f"你好，{friend['displayname']}！"
            await call(request.app, "send_friend_message", id=friend["id"], content=words)
    return web.json_response({})


async def connect(app: web.Application) -> None:
    url = sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:3000"
    app[openwx] = aiohttp.ClientSession(url)


async def disconnect(app: web.Application) -> None:
    await app[openwx].close()


def main() -> None:
    app = web.Application()
    app.router.add_post("/", handle)
    app.on_startup.append(connect)
    app.on_cleanup.append(disconnect)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]) if len(sys.argv) > 1 else 8000)


if __name__ == "__main__":
    main()
