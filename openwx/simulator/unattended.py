"""What people do by themselves, for `openwx simulate`: scan, confirm, write."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from .people import Group

if TYPE_CHECKING:
    from .phone import LoginCode, Phone
    from .world import World

_CHATTER = (
    "在吗？", "今天天气不错😄", "周末一起吃饭？", "收到", "哈哈哈", "<b>看这个</b> & 那个",
    "早上好🌹",
)  # fmt: skip


async def scans(world: World) -> None:
    """The first account's phone scans every code a while after it was asked for."""
    phone = world.account().phone
    while True:
        code = await world.codes.pulse.until(lambda: next(iter(world.codes.pending()), None), None)
        await asyncio.sleep(world.settings.scan_delay_s)
        if code is not None and code in world.codes.pending():
            await phone.scan(code.uuid)


async def confirms(world: World) -> None:
    """Every phone confirms what it shows a while later, push logins too."""

    def prompted() -> tuple[Phone, LoginCode] | None:
        for account in world.accounts:
            if (code := account.phone.shows()) is not None:
                return account.phone, code
        return None

    while True:
        found = await world.codes.pulse.until(prompted, None)
        await asyncio.sleep(world.settings.scan_delay_s)
        if found is not None and prompted() == found:
            found[0].confirm()


async def chatters(world: World, pause_s: float) -> None:
    """Now and then somebody writes to each account that is online."""
    draw = random.Random(f"{world.seed}:chatter")
    while True:
        await asyncio.sleep(pause_s * (0.5 + draw.random()))
        for account in world.accounts:
            chats = account.recent_chats()
            if not account.is_online or not chats:
                continue
            chat = draw.choice(chats)
            if not isinstance(chat, Group):
                chat.says(draw.choice(_CHATTER))
            elif chat.others:
                chat.member_says(draw.choice(chat.others), draw.choice(_CHATTER))
