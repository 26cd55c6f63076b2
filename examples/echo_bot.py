"""A bot backend in thirty lines that answers every text message.

Point openwx at it:

    [report]
    post_api = "http://127.0.0.1:8000/"

Run it with the Python that has openwx installed: python examples/echo_bot.py [PORT]
"""

import sys

from aiohttp import web


async def handle(request: web.Request) -> web.Response:
    upload = await request.json()
    if upload["post_type"] != "receive_message" or upload["format"] != "text":
        return web.json_response({})  # events, one's own messages, media: nothing to say
    if upload["type"] == "group_message":
        who, where = upload["sender"], upload["group"]
        print(f"{who} in {where}: {upload['content']}", flush=True)
        return web.json_response({})  # a bot that answers everything in a group is soon thrown out
    print(f"{upload['sender']}: {upload['content']}", flush=True)
    return web.json_response({"reply": f"你说：{upload['content']}"})


def main() -> None:
    app = web.Application()
    app.router.add_post("/", handle)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]) if len(sys.argv) > 1 else 8000)


if __name__ == "__main__":
    main()
