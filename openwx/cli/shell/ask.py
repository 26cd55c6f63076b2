"""``openwx ask``: sends a question to a friend, and prints the answer."""

import argparse
import asyncio

from openwx.cli.shell import chats, given, outcomes, output
from openwx.client import Consulted
from openwx.config import Settings


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Ask, print the answer, and return the exit code. Raise ``ConfigError`` for arguments that do not fit."""

    def work() -> int:
        answer = asyncio.run(_ask(settings, args, given.content(args, settings)))
        if answer.reply is not None:
            with outcomes.after_sending():
                _print(answer, answer.reply, as_json=args.json)
            return outcomes.DONE
        words = f"it was sent, and no answer came within {args.timeout:g} s"
        raise outcomes.Failure(outcomes.FAILED, 0, words, reply=None, msg_id=answer.msg_id)

    return outcomes.ends(work, as_json=args.json)


async def _ask(settings: Settings, args: argparse.Namespace, content: given.Content) -> Consulted:
    async with outcomes.gateway(settings, args.client) as wx:
        with chats.looked_for(args.to):
            return await wx.consult(
                content.text,
                **chats.selectors(args.to),
                media=content.media,
                media_name=content.media_name,
                timeout=args.timeout,
            )


def _print(answer: Consulted, reply: str, *, as_json: bool) -> None:
    if not as_json:
        output.lines(reply)
        return
    told = {"outcome": "answered", "code": 0, "status": answer.status, "reply": reply}
    media = {"media_path": answer.media_path} if answer.media_path else {}
    output.json_line(told | media | {"msg_id": answer.msg_id})
