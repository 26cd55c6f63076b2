"""``openwx who``: shows who has a name."""

import argparse
import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from openwx.cli.shell import outcomes, output
from openwx.client import Friend, GroupBasics
from openwx.config import Settings
from openwx.domain.spelling import alike
from openwx.errors import Code
from openwx.safetext import one_line

Chat = Friend | GroupBasics
_NAMES = ("id", "uid", "account", "displayname", "markname", "name")
_SHOWN = ("id", "uid", "account", "name", "markname", "category", "owner_uid")
"""What a person is shown besides the display name, where it is known."""


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Print whoever has the name, and return the exit code."""

    def work() -> int:
        found = having(args.name, asyncio.run(_everybody(settings, args.client)))
        if not found:
            words = f"no friend and no group has the id, uid, account or name {args.name}"
            raise outcomes.Failure(outcomes.NOBODY, Code.NOT_FOUND, words)
        for one in found:
            _print(one, as_json=args.json)
        return outcomes.DONE if len(found) == 1 else outcomes.AMBIGUOUS

    return outcomes.ends(work, as_json=args.json, sends=False)


def having(name: str, everybody: Iterable[Chat]) -> Sequence[Chat]:
    """Return who has exactly this name; where nobody has, who has it in another spelling."""
    called = [(one, {str(getattr(one, key, "")) for key in _NAMES}) for one in everybody]
    exact = [one for one, names in called if name in names]
    fits = alike(name)
    return exact or [one for one, names in called if any(map(fits, names))]


async def _everybody(settings: Settings, account: str | None) -> list[Chat]:
    async with outcomes.gateway(settings, account) as wx:
        friends, groups = await asyncio.gather(wx.get_friend_info(), wx.get_group_basic_info())
    return [*friends, *groups]


def _print(one: Chat, *, as_json: bool) -> None:
    known: dict[str, Any] = msgspec.to_builtins(one)
    kind = "friend" if isinstance(one, Friend) else "group"
    if as_json:
        output.json_line({"kind": kind} | known)
        return
    members = f" of {one.member_count} members" if isinstance(one, GroupBasics) else ""
    lines = [f"a {kind}{members}: {one.displayname}"]
    lines += [f"  {key:<10}{known[key]}" for key in _SHOWN if known.get(key)]
    output.lines("\n".join(map(one_line, lines)))
