"""People who act by themselves, for `openwx simulate`: they scan, confirm and write. `server` runs them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from .ilink.codes import BotCode
from .model import Draft
from .phone import LoginCode, Phone
from .samples import GIF, JPEG, PNG
from .scenario import GroupActor, origin_of
from .state import Account, World
from .wire import contents, shares
from .wire.contents import Origin

_CHATTER = (
    "在吗？", "今天天气不错😄", "周末一起吃饭？", "收到", "哈哈哈", "<b>看这个</b> & 那个",
    "早上好🌹",
)  # fmt: skip


async def scans(world: World) -> None:
    """Scan every code after a while, with the first phone without a running client of its kind.

    Where there is none, add an account: a second scan would end the session, or the bot, of the first.
    """
    while True:
        code = await world.codes.pulse.until(lambda: next(iter(world.codes.pending()), None), None)
        if code is not None:
            await _scan(world, code)


async def _scan(world: World, code: LoginCode) -> None:
    if not await _was_done(world, lambda: code not in world.codes.pending()):
        await _idle(world, code).phone.scan(code.uuid)


def _idle(world: World, code: LoginCode) -> Account:
    """Return an account without a client of the code's kind whose phone shows no prompt."""
    if world.settings.one_account:
        return world.accounts[0]
    for account in world.accounts:
        if not _is_in_use(account, code) and account.phone.shows() is None:
            return account
    return world.add_account()


def _is_in_use(account: Account, code: LoginCode) -> bool:
    if isinstance(code, BotCode):
        return account.clawbot.is_bound and not account.clawbot.is_bound_by(code.local_tokens)
    return account.session is not None and account.session.is_in_use


async def confirms(world: World) -> None:
    """Confirm what any phone shows after a while, push logins too."""

    def prompted() -> tuple[Phone, LoginCode] | None:
        for account in world.accounts:
            code = account.phone.shows()
            if code is not None and code.offers_confirm:
                return account.phone, code
        return None

    while True:
        found = await world.codes.pulse.until(prompted, None)
        if found is not None:
            await _confirm(world, *found)


async def _confirm(world: World, phone: Phone, code: LoginCode) -> None:
    if not await _was_done(world, lambda: phone.shows() is not code) and code.offers_confirm:
        phone.confirm()


async def _was_done(world: World, done: Callable[[], bool]) -> bool:
    """Return whether somebody else did it within the usual delay, or the longer one for a person at the page."""
    if await world.pulse.until(done, world.settings.scan_delay_s):
        return True
    await world.pulse.until(lambda: done() or not world.watchers, world.settings.person_s)
    return done()


async def chatters(world: World, pause_s: float) -> None:
    """Let somebody write now and then to each account that is online, and each owner to their bot."""
    draw = random.Random(f"{world.seed}:chatter")
    while True:
        await asyncio.sleep(pause_s * (0.5 + draw.random()))
        for account in world.accounts:
            if account.clawbot.is_bound and account.clawbot.bot.polled:
                account.clawbot.says(draw.choice(_CHATTER))
            chats = account.recent_chats()
            if not account.is_online or not chats:
                continue
            chat = draw.choice(chats)
            if isinstance(chat, GroupActor):
                if chat.others:
                    member = draw.choice(chat.others).person
                    draft = _something(origin_of(member, account), draw)
                    account.deliver(chat, account.owner, draft, member=member)
            else:
                draft = _something(origin_of(chat, account), draw)
                account.deliver(chat, account.owner, draft)


def _something(origin: Origin, draw: random.Random) -> Draft:
    """Draft mostly words; now and then a picture, a sticker or a link."""
    match draw.randrange(10):
        case 0:
            return contents.image(origin, draw.choice((JPEG, PNG)))
        case 1:
            return contents.sticker(origin, GIF)
        case 2:
            return shares.link(
                origin, "今日头条 & 热点", "大家都在看", "https://example.com/news?id=1&from=wechat",
                "果壳", "wx1234567890abcdef",
            )  # fmt: skip
        case _:
            return contents.text(draw.choice(_CHATTER))
