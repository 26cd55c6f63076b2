"""What people do by themselves, for `openwx simulate`: scan, confirm, write."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import kinds, shares
from .kinds import Draft
from .people import Group, Person
from .samples import GIF, JPEG, PNG

if TYPE_CHECKING:
    from .account import Account
    from .phone import LoginCode, Phone
    from .world import World

_CHATTER = (
    "在吗？", "今天天气不错😄", "周末一起吃饭？", "收到", "哈哈哈", "<b>看这个</b> & 那个",
    "早上好🌹",
)  # fmt: skip


async def scans(world: World) -> None:
    """A phone scans every code a while after it was asked for: the first one without a web client that runs.

    Where there is none, that of one more account: to scan once more would end the session of the former.
    """
    while True:
        code = await world.codes.pulse.until(lambda: next(iter(world.codes.pending()), None), None)
        if code is not None and not await _does(world, lambda: code not in world.codes.pending()):  # noqa: B023
            await _idle(world).phone.scan(code.uuid)


def _idle(world: World) -> Account:
    """Whose phone neither asks to confirm another login nor has a web client that runs."""
    for account in world.accounts:
        is_in_use = account.session is not None and account.session.is_in_use
        if not is_in_use and account.phone.shows() is None:
            return account
    return world.add_account()


async def confirms(world: World) -> None:
    """Every phone confirms what it shows a while later, push logins too."""

    def prompted() -> tuple[Phone, LoginCode] | None:
        for account in world.accounts:
            if (code := account.phone.shows()) is not None:
                return account.phone, code
        return None

    while True:
        found = await world.codes.pulse.until(prompted, None)
        if found is not None and not await _does(world, lambda: found[0].shows() is not found[1]):  # noqa: B023
            found[0].confirm()


async def _does(world: World, done: Callable[[], bool]) -> bool:
    """Whether somebody else does it within the usual delay, or the longer one for a person at the page."""
    if await world.pulse.until(done, world.settings.scan_delay_s):
        return True
    await world.pulse.until(lambda: done() or not world.watchers, world.settings.person_s)
    return done()


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
            if isinstance(chat, Group):
                if chat.others:
                    member = draw.choice(chat.others).person
                    account.deliver(chat, account.owner, _something(member, draw), member=member)
            else:
                account.deliver(chat, account.owner, _something(chat, draw))


def _something(who: Person, draw: random.Random) -> Draft:
    """Mostly words; now and then a picture, a sticker or a link."""
    match draw.randrange(10):
        case 0:
            return kinds.image(who, draw.choice((JPEG, PNG)))
        case 1:
            return kinds.sticker(who, GIF)
        case 2:
            return shares.link(
                who, "今日头条 & 热点", "大家都在看", "https://example.com/news?id=1&from=wechat",
                "果壳", "wx1234567890abcdef",
            )  # fmt: skip
        case _:
            return kinds.text(who, draw.choice(_CHATTER))
