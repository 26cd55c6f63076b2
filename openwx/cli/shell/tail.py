"""``openwx tail``: prints messages and events as they happen, and goes on where it was."""

import argparse
import asyncio
import os
import stat
import sys
from contextlib import aclosing
from typing import Any, Literal

import msgspec

from openwx.backoff import doubling
from openwx.cli import probe
from openwx.cli.shell import lines, outcomes, output
from openwx.cli.shell.state import StateFile
from openwx.client import NotConnected, NotRunning, OutcomeUnknown, QueueFull
from openwx.client.errors import UNREADABLE
from openwx.client.stream import Frame
from openwx.config import Settings

FIRST_PAUSE_S, MOST_PAUSE_S = 0.1, 5.0
_PASSING = (NotConnected, NotRunning, OutcomeUnknown, QueueFull)
"""What ends by itself: the gateway is stopping, starting or busy."""


class _Why(msgspec.Struct):
    """What a stream says about itself."""

    reason: str = ""


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Follow until enough lines are written or nobody reads them. Return the exit code.

    Raise ``ConfigError`` for a state file that cannot be used.
    """
    return outcomes.ends(
        lambda: asyncio.run(_until_unread(Tail(settings, args))), as_json=args.json, sends=False
    )


async def _until_unread(tail: "Tail") -> int:
    """Run it. A reader of our pipe who leaves ends it at once, also while nothing happens."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(tail.run())
    pipe = _pipe()

    def stop() -> None:
        if pipe is not None:
            loop.remove_reader(pipe)
        task.cancel()

    if pipe is not None:
        loop.add_reader(pipe, stop)  # the end for writing is "readable" when nobody reads the other
    await asyncio.wait({task})
    if task.cancelled():
        output.discard(sys.stdout)
    else:
        task.result()
    return outcomes.DONE


def _pipe() -> int | None:
    """Return the descriptor of standard output if it is a pipe, and the system can watch those."""
    if os.name != "posix":
        return None
    fd = sys.stdout.fileno()
    return fd if stat.S_ISFIFO(os.fstat(fd).st_mode) else None


class Tail:
    """The stream of an account's reports, over as many connections and gateways as it takes."""

    def __init__(self, settings: Settings, args: argparse.Namespace) -> None:
        """Raise ``ConfigError`` for a state file that cannot be read."""
        self._settings = settings
        self._args = args
        self._state = StateFile(args.state) if args.state else None
        kept = self._state.read() if self._state else args.after
        self._after: int | Literal["now"] = "now" if kept is None else kept
        self._left: float = args.lines or float("inf")
        self._pauses_s = doubling(FIRST_PAUSE_S, MOST_PAUSE_S)
        """Between connections; they begin anew with each line."""

    async def run(self) -> None:
        """Follow until enough lines are written. Raises ``NotReachedError`` if no gateway runs when it begins, and
        ``CallFailed`` for what does not pass, such as a wrong token."""
        found = await probe.find(self._settings)
        outcomes.note_demo(found)
        why = await self._follow(found)
        while self._left:
            output.complain(f"{why}; it goes on when it can connect again")
            why = await self._follow_again(is_demo=found.is_demo)

    async def _follow_again(self, *, is_demo: bool) -> str:
        """Find the gateway anew, which may have another address by now, and follow it."""
        while True:
            await asyncio.sleep(next(self._pauses_s))
            try:
                found = await probe.find(self._settings)
                if found.is_demo == is_demo:
                    return await self._follow(found)
            except (probe.NotReachedError, *_PASSING):
                continue

    async def _follow(self, found: probe.RunningGateway) -> str:
        """Print what comes until enough lines are written, or the connection is lost; return why it is.

        Raises ``CallFailed`` if nothing came at all.
        """
        args, why, began = self._args, "the connection was lost", False
        try:
            async with (
                found.client(self._settings, args.client) as wx,
                aclosing(wx.frames(self._after, type=args.type, chat=args.chat)) as frames,
            ):
                async for frame in frames:
                    began = True
                    if frame.name == "end":
                        why = f"the stream ended: {_reason(frame)}"
                    self._take(frame)
                    if not self._left:
                        break
        except _PASSING:
            if not began:
                raise
        return why

    def _take(self, frame: Frame) -> None:
        """Print what a frame tells, and keep its id after that."""
        if frame.name == "missed":
            output.complain(f"some events are missing: {_reason(frame)}")
        elif frame.data and frame.name != "end":
            self._print(frame)
            self._left -= 1
            self._pauses_s = doubling(FIRST_PAUSE_S, MOST_PAUSE_S)
        if frame.id is not None and frame.id != self._after:
            self._after = frame.id
            if self._state is not None:
                self._state.write(frame.id)

    def _print(self, frame: Frame) -> None:
        try:
            if self._args.json:
                output.json_line(lines.with_id(frame.id, frame.data))
            else:
                output.line(lines.worded(msgspec.json.decode(frame.data, type=dict[str, Any])))
        except UNREADABLE as error:
            words = f"the gateway sent what is no report: {error}"
            raise outcomes.Failure(outcomes.FAILED, None, words) from None


def _reason(frame: Frame) -> str:
    try:
        return msgspec.json.decode(frame.data, type=_Why).reason
    except UNREADABLE:
        return "the gateway does not say why"
