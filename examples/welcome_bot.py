"""A bot that greets new group members by name. It uses openwx's client.

Set its address and event in the configuration of openwx:

    [report]
    post_api = "http://127.0.0.1:8000/"
    post_event = true
    post_event_list = ["new_group_member"]

Run it: .venv/bin/python examples/welcome_bot.py [PORT] [OPENWX_URL]   (with a token: OPENWX_TOKEN=… before it)
"""

import os
import sys

from aiohttp import web

from openwx.client import Client, Upload, receiver
from openwx.client.events import NewGroupMember

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
OPENWX = sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:3000"


@receiver()
async def bot(report: Upload) -> None:
    match report:
        case NewGroupMember(member=member, group=group):
            print(f"{member.displayname} joined {group.displayname}", flush=True)
            # An event has no chat to reply to, so the bot calls the API.
            async with Client(OPENWX, token=os.environ.get("OPENWX_TOKEN")) as wx:
                words = f"欢迎 {member.displayname} 加入！"
                print(await wx.send_group_message_later(words, id=group.id), flush=True)


def main() -> None:
    app = web.Application()
    app.router.add_post("/", bot.handle)
    web.run_app(app, host="127.0.0.1", port=PORT)


if __name__ == "__main__":
    main()
