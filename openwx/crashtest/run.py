"""The program: rounds of starting, working and being killed; then the verdict."""

import asyncio
import random
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from .gateway import CAN_FILL_DISK, Gateway
from .process import Failed
from .receiver import Mood
from .services import Receiver, WeChat
from .traffic import Traffic
from .verdict import Records, complaints, emptiness, figures

KILLS_BETWEEN_STOPS = 6
"""SIGKILLs; then comes a SIGTERM in the middle of the work."""
STAGES = ("working", "starting", "logged out", *(["disk full"] if CAN_FILL_DISK else []))
"""What it is doing when its end comes."""
MOODS = tuple(mood for mood in Mood if mood not in (Mood.CALM, Mood.WELL))
ARRIVES_WITHIN_S = 30.0
LAST_ONES = 3
QUIET_S = 8.0
"""Where something is missing and nothing has come for so long, nothing comes any more."""
CALLER_TIMEOUT = aiohttp.ClientTimeout(total=60)


@dataclass(frozen=True, slots=True)
class Plan:
    """``seed`` draws the people, the moments and the moods again; no clock strikes twice alike."""

    seed: int
    kills: int
    folder: Path | None = None
    """Where data, logs and complaints are kept; None: in a temporary one, which stays after a failure."""


def main(plan: Plan) -> int:
    """Run it and say what came of it; the exit code: 0 where every promise was kept."""
    folder = plan.folder or Path(tempfile.mkdtemp(prefix="openwx-crash-"))
    folder = folder.resolve()  # the programs run in there
    folder.mkdir(parents=True, exist_ok=True)
    print(f"seed {plan.seed}, {plan.kills} kills; logs in {folder}", flush=True)
    try:
        wrong = asyncio.run(_run(plan, folder))
    except* Failed as failures:
        wrong = [str(failed) for failed in failures.exceptions]
    if wrong:
        (folder / "complaints.txt").write_text("\n".join(wrong), encoding="utf-8")
        shown = "\n".join(wrong[:20])
        print(f"FAILED with {len(wrong)} complaints (seed {plan.seed}, {folder}):\n{shown}")
        return 1
    print("Nothing was lost, doubled, out of order, or told otherwise than it was.")
    if plan.folder is None:
        shutil.rmtree(folder)
    return 0


async def _run(plan: Plan, folder: Path) -> list[str]:
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=CALLER_TIMEOUT))
        wechat = WeChat(plan.seed, folder=folder, http=http)
        receiver = Receiver(plan.seed, folder=folder, http=http)
        for service in (wechat, receiver):
            stack.push_async_callback(service.close)
            await service.start()
        await wechat.post("settings", scan_delay_s=0.05)
        await wechat.post("faults/add", call="webwxsendmsg", fault="lose_answer", probability=0.02)
        gateway = Gateway(folder, base_url=wechat.url, post_api=receiver.url)
        stack.push_async_callback(gateway.close)
        traffic = Traffic(wechat, gateway, await wechat.chats(), plan.seed, http)
        rounds = _Rounds(plan, gateway, wechat, receiver)
        async with _noise(traffic):
            await rounds.run()
        await wechat.post("faults/clear")
        await receiver.becomes(Mood.CALM)
        records, wrong = await _settled(wechat, receiver, traffic, gateway, http)
        if code := await gateway.terminate():
            wrong.append(f"the gateway stopped with exit code {code}")
        if plan.kills >= len(STAGES):
            wrong += emptiness(records)
        if gateway.tracebacks:
            wrong.append(f"{gateway.tracebacks} tracebacks in the gateway's log")
        print(f"{rounds.told()}\n{figures(records)}")
        return wrong


@asynccontextmanager
async def _noise(traffic: Traffic) -> AsyncIterator[None]:
    """Somebody writes and callers send, for as long as the rounds go on."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(traffic.write(0.02))
        callers = [
            *(tasks.create_task(traffic.send(later=True, pause_s=0.15)) for _ in range(2)),
            *(tasks.create_task(traffic.send(later=False, pause_s=0.02)) for _ in range(4)),
        ]
        yield
        traffic.stop_writing()
        for task in callers:
            task.cancel()


class _Rounds:
    def __init__(self, plan: Plan, gateway: Gateway, wechat: WeChat, receiver: Receiver) -> None:
        self._plan = plan
        self._gateway = gateway
        self._wechat = wechat
        self._receiver = receiver
        self._draw = random.Random(f"{plan.seed}:rounds")
        self._count: Counter[str] = Counter()

    async def run(self) -> None:
        """All kills, and a last start that stays."""
        kills = 0
        for number in range(self._plan.kills + self._plan.kills // KILLS_BETWEEN_STOPS):
            stops = number % (KILLS_BETWEEN_STOPS + 1) == KILLS_BETWEEN_STOPS
            await self._gateway.start()
            mood = self._draw.choice([Mood.WELL, *MOODS])
            await self._receiver.becomes(mood)
            # Each in turn: a short run has them all.
            stage = "working" if stops else STAGES[kills % len(STAGES)]
            await self._a_while(stage, mood)
            self._count.update([stage, f"post_api {mood}"])
            if stops:
                await self._stop()
            else:
                await self._gateway.kill()
                kills += 1
            print(f"  {number + 1}: {stage}, post_api {mood}: {'SIGTERM' if stops else 'SIGKILL'}")
            sys.stdout.flush()
        await self._gateway.start()
        await self._gateway.is_running()

    def told(self) -> str:
        return ", ".join(f"{n} × {what}" for what, n in sorted(self._count.items()))

    async def _stop(self) -> None:
        # Before it listens it may still be importing, and the default of SIGTERM holds.
        orderly = self._gateway.listens.is_set()
        code = await self._gateway.terminate()
        if code != 0 and (orderly or code != -signal.SIGTERM):
            raise Failed(f"the gateway stopped with exit code {code}\n{self._gateway.tail()}")

    async def _a_while(self, stage: str, mood: Mood) -> None:
        """Until the moment of its end."""
        if stage == "starting":
            await asyncio.sleep(self._draw.uniform(0.1, 1.2))
            return
        await self._gateway.is_running()
        await asyncio.sleep(self._draw.uniform(0.0, 0.8))
        if stage == "logged out":
            await self._log_out(mood)
            await asyncio.sleep(self._draw.uniform(0.0, 0.6))
        elif stage == "disk full":
            await self._fill_disk()

    async def _log_out(self, mood: Mood) -> None:
        """A new login, with new ids for all; WeChat keeps for it what was not acknowledged, or nothing."""
        keeps_unread = self._draw.random() < 0.5
        if not keeps_unread:
            # What was handed out and is not in the journal yet would be lost without anybody's fault.
            await self._receiver.becomes(Mood.CALM)
            if handed_out := await self._wechat.handed_out():
                await self._receiver.gets(handed_out[-1], ARRIVES_WITHIN_S)
            await self._receiver.becomes(mood)
        await self._wechat.post("settings", keeps_unread=keeps_unread)
        await self._wechat.post("phone/logs_out_web")

    async def _fill_disk(self) -> None:
        """It says so; with room again it goes on, or is killed before."""
        self._gateway.fill_disk()
        await self._gateway.is_told_of_full_disk()
        await asyncio.sleep(self._draw.uniform(0.0, 0.5))
        if self._draw.random() < 0.5:
            return
        self._gateway.free_disk()
        await self._receiver.becomes(Mood.CALM)
        await self._receiver.more(0.0)  # what came before
        if not await self._receiver.more(ARRIVES_WITHIN_S):
            raise Failed(
                f"nothing arrives {ARRIVES_WITHIN_S} s after there is room again\n"
                f"{self._gateway.tail()}"
            )


async def _settled(
    wechat: WeChat,
    receiver: Receiver,
    traffic: Traffic,
    gateway: Gateway,
    http: aiohttp.ClientSession,
) -> tuple[Records, list[str]]:
    """Wait until nothing is missing any more, or until nothing has come for long."""
    # With the last one everything before was handed out, or skipped by a new login that WeChat keeps nothing for.
    # Several, one after the other: a poll that was held anyway brings the first one even to who never polls again.
    last = await traffic.write_once()
    for _ in range(LAST_ONES - 1):
        await gateway.try_now(http)
        await receiver.gets(last.msg_id, ARRIVES_WITHIN_S)
        last = await traffic.write_once()
    await gateway.try_now(http)
    await receiver.gets(last.msg_id, ARRIVES_WITHIN_S)
    while True:
        await gateway.try_now(http)
        await receiver.more(0.0)
        heard = await wechat.heard()
        records = Records(
            traffic.written, frozenset(await wechat.handed_out()), heard, receiver.arrivals,
            traffic.sent, gateway.ended_without_room,
        )  # fmt: skip
        wrong = complaints(records)
        if last.msg_id not in records.handed_out:
            wrong.append(f"never asked for: {last.text}")
        if not wrong or not await receiver.more(QUIET_S):
            return records, wrong
