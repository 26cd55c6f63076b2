"""``openwx serve --demo``: the real gateway with a simulated WeChat, a phone, friends who write, and a bot."""

import asyncio
import contextlib
import errno
import logging
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from openwx import instance, service
from openwx.config import AccountSettings, Listen, ReportSettings, Settings
from openwx.simulator import Account as SimulatedAccount
from openwx.simulator import LoginCode, Simulator

log = logging.getLogger("openwx.demo")

THINK_S = 1.5
"""The pause before a reaction, in seconds."""
SCAN_DELAY_S = 3.0
"""The time in which a person may scan on the phone page before the phone does, in seconds."""

_EVENTS = [
    "login", "stop", "friend_request", "new_friend", "lose_friend", "new_group", "lose_group",
    "new_group_member", "lose_group_member", "group_property_change", "friend_property_change",
]  # fmt: skip
"""The events that a person can cause on the phone page."""


async def serve(settings: Settings, *, port_is_chosen: bool) -> None:
    """Run the demo until it is stopped. Raises ``ConfigError`` if the chosen port is taken."""
    async with (
        Simulator(seed=1, auto_scan=True, scan_delay_s=SCAN_DELAY_S) as simulator,
        _bot() as post_api,
    ):
        log.info(
            "demo: a simulated WeChat runs here; your own account is not needed\n\n"
            "  Its phone, in your browser:  %s\n"
            "    scan the code, write as a friend, recall, log out, … (or just watch)\n",
            simulator.page_url,
        )
        with tempfile.TemporaryDirectory(prefix="openwx-demo-") as folder:
            demo_settings = _settings(settings, simulator.url, post_api, Path(folder))
            if not port_is_chosen:
                demo_settings = _on_a_free_port(demo_settings)
            async with (
                service.running(demo_settings) as gateway,
                AsyncExitStack() as stack,
                asyncio.TaskGroup() as tasks,
            ):
                _announce(settings.data_dir, gateway, stack)
                log.info("demo: openwx runs\n\n  Its console, in your browser:  %s/\n", gateway.url)
                account = simulator.account()
                scenes = [
                    tasks.create_task(_play(simulator, gateway.url, settings), name="story"),
                    tasks.create_task(_show_logins(simulator), name="logins"),
                    tasks.create_task(_show_phones(account), name="phones"),
                ]
                try:
                    await gateway.ended.wait()
                finally:
                    log.info("demo: stopped; nothing was saved")
                for task in scenes:
                    task.cancel()


def _settings(settings: Settings, base_url: str, post_api: str, folder: Path) -> Settings:
    """Take addresses and access from the configuration, and everything else from the demo."""
    return settings.model_copy(
        update={
            "data_dir": folder,
            "show_messages": True,
            "report": ReportSettings(post_api=post_api, post_event=True, post_event_list=_EVENTS),
            "accounts": {"default": AccountSettings(base_url=base_url, send_interval=1.0)},
        }
    )


def _on_a_free_port(settings: Settings) -> Settings:
    """Keep the configured port if it is free, else choose any free one."""
    first = settings.listen[0]
    if _is_free(first):
        return settings
    log.info("demo: port %d is taken; using another one", first.port)
    return settings.model_copy(update={"listen": [first.model_copy(update={"port": 0})]})


def _is_free(address: Listen) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True


def _announce(data_dir: Path, gateway: service.Service, stack: AsyncExitStack) -> None:
    """Let commands with the same configuration find the demo, which uses nothing else of that data folder."""
    if not data_dir.exists():
        # If this fails, the file cannot be written either, which is logged.
        with contextlib.suppress(OSError):
            data_dir.mkdir(parents=True, mode=0o700)
            stack.callback(_remove_if_empty, data_dir)
    service.leave_word(data_dir / instance.DEMO, gateway, stack)


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


@asynccontextmanager
async def _bot() -> AsyncIterator[str]:
    """Run a tiny ``post_api`` that replies to friends; yield its address."""
    app = web.Application()
    app.router.add_post("/post_api", _answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/post_api"
    finally:
        await runner.cleanup()


async def _answer(request: web.Request) -> web.Response:
    report: dict[str, Any] = await request.json()
    if report["post_type"] == "event":
        log.info("bot:  post_api got the event %s %s", report["event"], report["params"][:1])
        return web.json_response({})
    if report["post_type"] != "receive_message" or report["format"] != "text":
        return web.json_response({})
    reply = f"你好，{report['sender']}！收到：{report['content']}"
    log.info('bot:  post_api got “%s” and answers {"reply": …}', report["content"])
    return web.json_response({"reply": reply})


async def _play(simulator: Simulator, url: str, settings: Settings) -> None:
    """Play the story: first messages, then small talk until the demo ends.

    A person at the phone page may do anything meanwhile: log out, leave the group, rename everybody.
    """
    account = simulator.account()
    friend, group = account.friend("小灰"), account.group("PERL学习交流")
    people = [friend, account.friend("阳光😄宝贝"), account.friend("momo")]
    # After the QR code, which scrolls the first lines off the terminal.
    await account.world.calls_pulse.until(lambda: simulator.calls_of("login"), None)
    log.info("demo: scan the code yourself at %s, or wait a moment", simulator.page_url)
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
    _print_curl_lines(url, simulator.page_url, with_token=settings.access.token is not None)
    talk = [
        "在忙什么呢？",
        "周末一起爬山吗？",
        "刚看到一个有意思的项目",
        "晚上吃什么 🍜",
        "收到请回复～",
    ]
    for number in range(1_000_000):
        await asyncio.sleep(20)
        if (somebody := people[number % len(people)]).is_friend:
            somebody.says(talk[number % len(talk)])


async def _show_logins(simulator: Simulator) -> None:
    """Log what the phones do about logins, by themselves or by a person at the phone page."""
    codes = simulator.codes
    outcomes = {"confirmed": "confirms the login", "refused": "cancels the login"}

    def shown() -> LoginCode | None:
        return next((code for one in simulator.accounts if (code := one.phone.shows())), None)

    while True:
        code = await codes.pulse.until(shown, None)
        if code is None:
            continue
        whose = "the phone" if code.account is simulator.account() else "another phone"
        does = "is asked to confirm" if code.push else "scans the code"
        log.info("demo: %s %s …", whose, does)
        await codes.pulse.until(lambda: code.state != "scanned", None)  # noqa: B023
        log.info("demo: … and %s", outcomes.get(code.state, "is too late"))


async def _show_phones(account: SimulatedAccount) -> None:
    """Log the messages that arrive on the phones of the simulated people."""
    shown = 0
    while True:
        with contextlib.suppress(TimeoutError):
            await account.pulse.until(lambda: len(account.sent) > shown, None)  # noqa: B023
        for heard in account.sent[shown:]:
            what = f"a file: {heard.medium.name}" if heard.medium else f"“{heard.text}”"
            where = "in the group" if heard.to in account.groups else "on the phone of"
            log.info("demo: %s %s appears %s", where, heard.to, what)
        shown = len(account.sent)


def _print_curl_lines(url: str, page_url: str, *, with_token: bool) -> None:
    token = " -H 'Authorization: Bearer YOUR_TOKEN'" if with_token else ""
    log.info(
        "\n  Now try it yourself, in a browser:\n"
        "    the console:             %s/\n"
        "    the phone (be a friend): %s\n"
        "  or in another terminal:\n"
        "    curl%s '%s/openwx/get_user_info'\n"
        "    curl%s '%s/openwx/send_friend_message?account=xiaohui2016&content=hello'\n"
        "    curl%s '%s/openwx/check_event?timeout=60'\n"
        "  (Ctrl-C ends the demo; nothing is saved.)\n",
        *(url, page_url, token, url, token, url, token, url),
    )
