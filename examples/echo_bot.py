"""A bot backend in thirty lines that answers every text message.

Set its address in the configuration of openwx:

    [report]
    post_api = "http://127.0.0.1:8000/"

Run it: .venv/bin/python examples/echo_bot.py [PORT]
"""

import sys

from aiohttp import web


async def handle(request: web.Request) -> web.Response:
    report = await request.json()
    if report["post_type"] != "receive_message" or report["format"] != "text":
        return web.json_response({})  # no reply to events, own messages and media
    if report["type"] == "group_message":
        print(f"{report['sender']} in {report['group']}: {report['content']}", flush=True)
        return web.json_response({})  # in a group, answering everything would annoy the members
    print(f"{report['sender']}: {report['content']}", flush=True)
    return web.json_response({"reply": f"你说：{report['content']}"})


def main() -> None:
    app = web.Application()
    app.router.add_post("/", handle)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]) if len(sys.argv) > 1 else 8000)


if __name__ == "__main__":
    main()
