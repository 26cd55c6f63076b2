"""What the people of the demo do by themselves, and what is logged of their phones. ``demo`` plays one story."""

import asyncio
import contextlib
import logging

from openwx.simulator import Account, Simulator
from openwx.simulator.model import Group

log = logging.getLogger("openwx.demo")

THINK_S = 1.5
"""The pause before a reaction, in seconds."""
TALK_EVERY_S = 20.0

LINE = "    curl%s '%s/openwx/%s'\n"

_TALK = [
    "在忙什么呢？",
    "周末一起爬山吗？",
    "刚看到一个有意思的项目",
    "晚上吃什么 🍜",
    "收到请回复～",
]
_QUESTIONS = ["服务器还好吗？", "备份做完了吗？", "磁盘还剩多少？", "今天有什么新消息？"]


async def play_web(simulator: Simulator, url: str, has_token: bool) -> None:
    """Play the story of an account on the web: first messages, then small talk until the demo ends.

    A person at the phone page may do anything meanwhile: log out, leave the group, rename everybody.
    """
    account = simulator.account()
    friend, group = account.friend("小灰"), account.group("PERL学习交流")
    people = [friend, account.friend("阳光😄宝贝"), account.friend("momo")]
    await _until_code_is_drawn(simulator, "login")
    await account.pulse.until(lambda: account.is_online and account.session.polled, None)  # type: ignore[union-attr]
    await asyncio.sleep(0.5)
    friend.says("在吗？openwx 能收到我的消息吗？")
    with contextlib.suppress(TimeoutError):
        await friend.hears(timeout_s=60)
    await asyncio.sleep(THINK_S)
    if group in account.groups and group.others:
        group.member_says(group.others[0], "大家好，今天谁值班？😄")
        with contextlib.suppress(TimeoutError):
            await group.hears(timeout_s=60)
        await asyncio.sleep(THINK_S)
    _print_curl_lines(
        url,
        simulator.page_url,
        "be a friend",
        ["get_user_info", "send_friend_message?account=xiaohui2016&content=hello"],
        has_token=has_token,
    )
    for number in range(1_000_000):
        await asyncio.sleep(TALK_EVERY_S)
        if (somebody := people[number % len(people)]).is_friend:
            somebody.says(_TALK[number % len(_TALK)])


async def play_ilink(simulator: Simulator, url: str, has_token: bool) -> None:
    """Play the story of an account on iLink: its person writes first, and now and then until the demo ends."""
    account = simulator.account()
    owner = account.clawbot
    await _until_code_is_drawn(simulator, "get_qrcode_status")
    await account.pulse.until(lambda: owner.is_bound and owner.bot.polled, None)
    await asyncio.sleep(0.5)
    owner.says("在吗？openwx 能收到我的消息吗？")
    with contextlib.suppress(TimeoutError):
        await owner.hears(timeout_s=60)
    await asyncio.sleep(THINK_S)
    _print_curl_lines(
        url,
        simulator.page_url,
        "write to 微信 ClawBot",
        ["get_user_info", "send_friend_message?id=@owner&content=hello", "check_client"],
        has_token=has_token,
    )
    for number in range(1_000_000):
        await asyncio.sleep(TALK_EVERY_S)
        if owner.is_bound:
            owner.says(_QUESTIONS[number % len(_QUESTIONS)])


async def show_phones(account: Account) -> None:
    """Log the messages that arrive on the phones of the simulated people."""
    shown = 0
    while True:
        with contextlib.suppress(TimeoutError):
            await account.pulse.until(lambda: len(account.sent) > shown, None)  # noqa: B023
        for heard in account.sent[shown:]:
            what = f"a file: {heard.medium.name}" if heard.medium else f"“{heard.text}”"
            if isinstance(heard.to, Group):
                where = f"in the group {heard.to}"
            else:
                where = f"on the phone of {heard.to.remark or heard.to}"
            log.info("demo: %s appears %s", where, what)
        shown = len(account.sent)


async def show_clawbot(account: Account) -> None:
    """Log what the bot sent, as it appears on the phone of its person."""
    inbox, shown = account.clawbot.inbox, 0
    while True:
        await account.pulse.until(lambda: len(inbox) > shown, None)  # noqa: B023
        for heard in inbox[shown:]:
            what = f"“{heard.text}”" if heard.kind == "text" else f"a file: {heard.text}"
            log.info("demo: in the chat 微信 ClawBot appears %s", what)
        shown = len(inbox)


async def _until_code_is_drawn(simulator: Simulator, poll: str) -> None:
    """Wait for the first poll of a QR code, which scrolls the first lines off the terminal, and say what to do."""
    await simulator.world.calls_pulse.until(lambda: simulator.calls_of(poll), None)
    log.info("demo: scan the code yourself at %s, or wait a moment", simulator.page_url)


def _print_curl_lines(
    url: str, page_url: str, on_the_phone: str, calls: list[str], *, has_token: bool
) -> None:
    token = " -H 'Authorization: Bearer YOUR_TOKEN'" if has_token else ""
    calls = [*calls, "check_event?timeout=60"]
    # A newline in an argument would be logged as "\\n".
    words = (
        "\n  Now try it yourself, in a browser:\n"
        "    the console: %s/\n"
        "    the phone:   %s (%s)\n"
        "  or in another terminal:\n"
        f"{len(calls) * LINE}"
        "  (Ctrl-C ends the demo; nothing is saved.)\n"
    )
    shown = (part for call in calls for part in (token, url, call))
    log.info(words, url, page_url, on_the_phone, *shown)
