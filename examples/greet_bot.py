"""A bot that greets whoever mentions it in a group, and knows what they quoted. `post_api` is http://127.0.0.1:8000/.

Run it: .venv/bin/python examples/greet_bot.py [PORT] [OPENWX_URL]   (with a token: OPENWX_TOKEN=… before it)
"""

import os
import sys

from aiohttp import web

from openwx.client import Client, TextMessage, Upload, receiver

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
OPENWX = sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:3000"


@receiver()
async def bot(report: Upload) -> None:
    match report:
        case TextMessage(post_type="receive_message", mentions_me=True, quote=quote):
            quoted = f"\n你引用了 {quote.sender}：{quote.content}" if quote else ""
            words = f"你好！你说：{report.content}{quoted}"
            async with Client(OPENWX, token=os.environ.get("OPENWX_TOKEN")) as wx:
                await wx.send_group_message_later(words, id=report.group_id, at=report.sender_id)


if __name__ == "__main__":
    app = web.Application()
    app.router.add_post("/", bot.handle)
    web.run_app(app, host="127.0.0.1", port=PORT)
