"""A bot that accepts friend requests with the right password and greets new friends. It uses openwx's client.

Set its address and events in the configuration of openwx:

    [report]
    post_api = "http://127.0.0.1:8000/"
    post_event = true
    post_event_list = ["friend_request", "new_friend"]

Run it: .venv/bin/python examples/accept_bot.py [PORT] [OPENWX_URL] [PASSWORD]   (a token: OPENWX_TOKEN=… before it)
"""

import os
import sys

from aiohttp import web

from openwx.client import CallFailed, Client, Upload, receiver
from openwx.client.events import FriendRequest, NewFriend

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
OPENWX = sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:3000"
PASSWORD = sys.argv[3] if len(sys.argv) > 3 else "芝麻开门"


@receiver()
async def bot(report: Upload) -> None:
    async with Client(OPENWX, token=os.environ.get("OPENWX_TOKEN")) as wx:
        try:
            match report:
                case FriendRequest(verify=words) if PASSWORD in words:
                    await wx.accept_friend_request(report.id, report.ticket)
                case NewFriend(friend=friend):
                    hello = f"你好，{friend.displayname}！"
                    await wx.send_friend_message_later(hello, id=friend.id)
        except CallFailed as error:  # if this raised, openwx would report the event again
            print(error, flush=True)


def main() -> None:
    app = web.Application()
    app.router.add_post("/", bot.handle)
    web.run_app(app, host="127.0.0.1", port=PORT)


if __name__ == "__main__":
    main()
