"""A bot that greets who mentions it in a group, and knows what they quoted. Two such bots do not greet each other.

Run it: .venv/bin/python examples/greet_bot.py [PORT] [OPENWX_URL]   (with a token: OPENWX_TOKEN=… before it)
"""

import os
import sys

from aiohttp import web

from openwx.client import Client, TextMessage, Upload, receiver

OPENWX = sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:3000"


@receiver()
async def bot(report: Upload) -> None:
    match report:
        case TextMessage(is_received=True, mentions_me=True, content=said) if "你说：" not in said:
            words = f"你好！你说：{said[:500]}"
            if report.quote:
                words += f"\n你引用了 {report.quote.sender}：{report.quote.content[:500]}"
            async with Client(OPENWX, token=os.environ.get("OPENWX_TOKEN")) as wx:
                await wx.send_group_message_later(words, id=report.group_id, at=report.sender_id)


if __name__ == "__main__":
    app = web.Application()
    app.router.add_post("/", bot.handle)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]) if len(sys.argv) > 1 else 8000)
