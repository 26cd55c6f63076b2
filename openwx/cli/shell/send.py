"""``openwx send``: sends a text or a file, and ends when WeChat has accepted it."""

import argparse
import asyncio

import msgspec

from openwx.cli.shell import chats, given, outcomes, output
from openwx.client import InExecution, MessageSent
from openwx.config import Settings
from openwx.errors import ConfigError

TO_ALL = "@all"


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Send what is asked, and return the exit code. Raise ``ConfigError`` for arguments that do not fit."""
    if args.to == TO_ALL:
        raise ConfigError(
            "send: --to @all: a command sends to one chat; the API sends to everybody"
        )

    def work() -> int:
        content = given.content(args, settings)
        sent = asyncio.run(_send(settings, args, content))
        with outcomes.after_sending():
            _tell(sent, as_json=args.json)
        return outcomes.DONE

    return outcomes.ends(work, as_json=args.json)


async def _send(
    settings: Settings, args: argparse.Namespace, content: given.Content
) -> MessageSent | InExecution:
    options = {
        **chats.selectors(args.to),
        "media": content.media,
        "media_name": content.media_name,
        "idempotency_key": args.key,
    }
    async with outcomes.gateway(settings, args.client) as wx:
        if args.group or chats.is_group(args.to):
            to_group = wx.send_group_message_later if args.later else wx.send_group_message
            with chats.looked_for(args.to):
                return await to_group(content.text, **options)
        to_friend = wx.send_friend_message_later if args.later else wx.send_friend_message
        with chats.looked_for(args.to, "; for a group, add --group"):
            return await to_friend(content.text, **options)


def _tell(sent: MessageSent | InExecution, *, as_json: bool) -> None:
    """Write the answer as JSON; for a person only what has not happened yet, since no news is good news."""
    if as_json:
        word = "accepted" if isinstance(sent, InExecution) else "sent"
        output.json_line({"outcome": word} | msgspec.to_builtins(sent))
    elif isinstance(sent, InExecution) and sent.waits_for:
        output.complain(f"it is kept, and waits for {sent.waits_for}")
