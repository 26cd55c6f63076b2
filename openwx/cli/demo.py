"""``openwx serve --demo``: the real gateway with a simulated WeChat, a phone, people who write, and a bot.
``main`` runs it.

``demo_stories`` has what the people do.
"""

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
from openwx.cli import demo_stories
from openwx.config import (
    AccountSettings,
    ClusterSettings,
    Listen,
    ReportSettings,
    Settings,
    StoreSettings,
)
from openwx.domain.contacts import UNKNOWN_FRIEND
from openwx.simulator import LoginCode, Simulator

log = logging.getLogger("openwx.demo")

SCAN_DELAY_S = 3.0
"""The time in which a person may scan on the phone page before the phone does, in seconds."""

_EVENTS = [
    "login", "stop", "friend_request", "new_friend", "lose_friend", "new_group", "lose_group",
    "new_group_member", "lose_group_member", "group_property_change", "friend_property_change",
]  # fmt: skip
"""The events that a person can cause on the phone page."""


_ON_THE_PHONE = {
    "web": "scan the code, write as a friend, recall, log out, …",
    "ilink": "scan the code, write to 微信 ClawBot, let the budget run out, …",
}
_STORIES = {
    "web": (demo_stories.play_web, demo_stories.show_phones),
    "ilink": (demo_stories.play_ilink, demo_stories.show_clawbot),
}
"""By the transport: what the people do, and the log of what their phones show."""


async def serve(settings: Settings, *, port_is_chosen: bool, transport: str = "web") -> None:
    """Run the demo until it is stopped. Raises ``ConfigError`` if the chosen port is taken.

    ``transport``: how its account reaches WeChat, ``web`` or ``ilink``.
    """
    async with (
        Simulator(seed=1, auto_scan=True, scan_delay_s=SCAN_DELAY_S) as simulator,
        _bot() as post_api,
    ):
        log.info(
            "demo: a simulated WeChat runs here; your own account is not needed\n\n"
            "  Its phone, in your browser:  %s\n"
            "    %s (or just watch)\n",
            simulator.page_url,
            _ON_THE_PHONE[transport],
        )
        with tempfile.TemporaryDirectory(prefix="openwx-demo-") as folder:
            account_settings = AccountSettings.model_validate(
                {"base_url": simulator.url, "send_interval": 1.0, "transport": transport}
            )
            demo_settings = _settings(settings, account_settings, post_api, Path(folder))
            if not port_is_chosen:
                demo_settings = _on_a_free_port(demo_settings)
            async with (
                service.running(demo_settings) as gateway,
                AsyncExitStack() as stack,
                asyncio.TaskGroup() as tasks,
            ):
                _announce(settings.data_dir, gateway, stack)
                log.info("demo: openwx runs\n\n  Its console, in your browser:  %s/\n", gateway.url)
                story, phones = _STORIES[transport]
                has_token = settings.access.needs_token
                scenes = [
                    tasks.create_task(story(simulator, gateway.url, has_token), name="story"),
                    tasks.create_task(_show_logins(simulator), name="logins"),
                    tasks.create_task(phones(simulator.account()), name="phones"),
                ]
                try:
                    await gateway.ended.wait()
                finally:
                    log.info("demo: stopped; nothing was saved")
                for task in scenes:
                    task.cancel()


def _settings(
    settings: Settings, account: AccountSettings, post_api: str, folder: Path
) -> Settings:
    """Take addresses and access from the configuration, and everything else from the demo."""
    return settings.model_copy(
        update={
            "data_dir": folder,
            "show_messages": True,
            "store": StoreSettings(),
            "cluster": ClusterSettings(),
            "report": ReportSettings(post_api=post_api, post_event=True, post_event_list=_EVENTS),
            "accounts": {"default": account},
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
        named = [one["displayname"] for one in report["params"] if isinstance(one, dict)]
        words = "bot:  post_api got the event %s%s"
        log.info(words, report["event"], f" about {named[0]}" if named else "")
        return web.json_response({})
    if report["post_type"] != "receive_message" or report["format"] != "text":
        return web.json_response({})
    # iLink tells no names.
    whom = "" if report["sender"] == UNKNOWN_FRIEND else f"，{report['sender']}"
    reply = f"你好{whom}！收到：{report['content']}"
    log.info('bot:  post_api got “%s” and answers {"reply": …}', report["content"])
    return web.json_response({"reply": reply})


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
