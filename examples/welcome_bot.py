"""Greets whoever joins a group, by name, and says goodbye to nobody.

Point openwx at it, with the event that it lives on:

    [report]
    post_api = "http://127.0.0.1:8000/"
    post_event = true
    post_event_list = ["new_group_member"]

Run it: python examples/welcome_bot.py [PORT] [OPENWX_URL]
"""

import sys

import aiohttp
from aiohttp import web

openwx = aiohttp.web.AppKey("openwx", aiohttp.ClientSession)


async def handle(request: web.Request) -> web.Response:
    upload = await request.json()
    if upload.get("event") != "new_group_member":
        return web.json_response({})
    member, group = upload["params"]
    print(f"{member['displayname']} joined {group['displayname']}", flush=True)
    # An event has no chat to reply to, so this calls the API. async=1: the answer need not be waited for.
    call = {"id": group["id"], "content": f"欢迎 {member['displayname']} 加入！", "async": "1"}
    async with request.app[openwx].post("/openwx/send_group_message", data=call) as response:
        print(await response.json(), flush=True)
    return web.json_response({})


async def connect(app: web.Application) -> None:
    """One connection pool for the life of the bot. With an access token: headers={"Authorization": "Bearer …"}."""
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
