"""``openwx status``: shows the state of the gateway that runs with this configuration."""

import asyncio
import sys
import time

import msgspec

from openwx.api.probes import AccountHealth, Readiness
from openwx.cli import probe
from openwx.cli.probe import RunningGateway
from openwx.cli.readiness import readiness
from openwx.cli.shell import output
from openwx.config import Settings
from openwx.errors import ConfigError
from openwx.safetext import one_line

READY, NOT_READY, NOT_REACHED = 0, 1, 2
"""Exit codes."""


def main(settings: Settings, *, as_json: bool) -> int:
    """Print the state for a person, or as one JSON object. Return the exit code."""
    try:
        gateway, state = asyncio.run(_ask(settings))
    except (probe.NotReachedError, ConfigError) as error:
        if as_json:
            output.indented_json({"code": -1, "status": str(error)})
        else:
            others = "; openwx cluster status shows the other nodes" if settings.store.url else ""
            print(f"openwx: {one_line(str(error))}{others}", file=sys.stderr)
        return NOT_REACHED
    if as_json:
        demo = {"demo": True} if gateway.is_demo else {}
        output.indented_json({"url": gateway.url, **demo, **msgspec.to_builtins(state)})
    else:
        print("\n".join(map(one_line, _lines(state, gateway))))
    return READY if state.code == 0 else NOT_READY


async def _ask(settings: Settings) -> tuple[RunningGateway, Readiness]:
    gateway = await probe.find(settings)
    return gateway, await readiness(gateway, settings.access.own_token)


def _lines(state: Readiness, gateway: RunningGateway) -> list[str]:
    accounts = state.accounts or {}
    width = max(map(len, accounts), default=0)
    up_s = max(0, int(time.time() - (state.started or 0)))
    name = "the demo of openwx" if gateway.is_demo else "openwx"
    lines = [f"{name} {state.version} at {gateway.url}, up {duration(up_s)}: {state.status}"]
    for name, account in accounts.items():
        option = f" --client {name}" if len(accounts) > 1 else ""
        lines.append(f"  {name:<{width}}  {account.state}: {_how(account)}")
        lines.append(f"  {'':<{width}}  {_work(account, option)}")
    if state.lost:
        lines.append(f"no node can take {', '.join(state.lost)}: none has room for it, or knows it")
    if state.node:
        lines.append(f"this is the node {state.node}; openwx cluster status shows all of them")
    return lines


def _how(account: AccountHealth) -> str:
    if account.state == "running" and account.sync_age_s is not None:
        return f"in sync {account.sync_age_s:.0f} s ago"
    return account.state_reason + ("" if account.wanted else " (stopped on purpose)")


def _work(account: AccountHealth, option: str) -> str:
    """Say what waits and what failed. ``option`` names the account on a command line."""
    waiting = account.waiting
    parts = [
        counted(number, one, several)
        for number, one, several in (
            (waiting.sends, "send", "sends"),
            (waiting.uploads, "delivery", "deliveries"),
            (waiting.media, "medium", "media"),
        )
        if number
    ]
    words = f"waiting: {', '.join(parts)}" if parts else "nothing waits"
    if account.failed is None:
        return f"{words}; the journal cannot be read"
    if account.failed:
        failed = counted(account.failed, "delivery", "deliveries")
        words += f"; {failed} failed (openwx outbox list{option})"
    for one in account.refusing or ():
        words += f"; {one.words}"
    return words


def counted(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


def duration(seconds: int) -> str:
    """Format a duration in its two largest units."""
    units = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    parts: list[str] = []
    for name, size in units:
        count, seconds = divmod(seconds, size)
        if count or (name == "s" and not parts):
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])
