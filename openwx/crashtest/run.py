"""Runs the crash test: rounds of start, work and kill, then the verdict.
The package calls it.
"""

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

from .gateway import ARCHIVE, CAN_FILL_DISK, Gateway
from .ilink import ILinkWeChat
from .process import Failed, reasons
from .receiver import Mood
from .services import Receiver
from .settling import ARRIVES_WITHIN_S, Settling
from .traffic import Traffic
from .verdict import emptiness, figures
from .web import WebWeChat
from .wechat import WeChat

TRANSPORTS: dict[str, type[WeChat]] = {one.transport: one for one in (WebWeChat, ILinkWeChat)}
"""Each WeChat, by the value of the setting ``transport``."""
KILLS_BETWEEN_STOPS = 6
"""The number of SIGKILLs between two SIGTERMs."""
STAGES = ("working", "starting", "logged out", *(["disk full"] if CAN_FILL_DISK else []))
"""The states in which the gateway is ended."""
MOODS = tuple(mood for mood in Mood if mood not in (Mood.CALM, Mood.WELL))
CALLER_TIMEOUT = aiohttp.ClientTimeout(total=60)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. ``seed`` repeats the people, the moments and the moods, but not the timing of the machine."""

    seed: int
    kills: int
    transport: str = "web"
    folder: Path | None = None
    """The folder of data, logs and complaints; None for a temporary one, which stays after a failure."""


def main(plan: Plan) -> int:
    """Run the test and print the result. Return the exit code: 0 if all checks passed."""
    folder = plan.folder or Path(tempfile.mkdtemp(prefix="openwx-crash-"))
    folder = folder.resolve()  # the working folder of the programs
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{plan.transport}, seed {plan.seed}, {plan.kills} kills; logs in {folder}", flush=True)
    try:
        wrong = asyncio.run(_run(plan, folder))
    except* Failed as failures:
        wrong = reasons(failures)
    if wrong:
        (folder / "complaints.txt").write_text("\n".join(wrong), encoding="utf-8")
        shown = "\n".join(wrong[:20])
        print(f"FAILED with {len(wrong)} complaints (seed {plan.seed}, {folder}):\n{shown}")
        return 1
    print("Nothing was lost, duplicated, reordered or reported wrongly.")
    if plan.folder is None:
        shutil.rmtree(folder)
    return 0


async def _run(plan: Plan, folder: Path) -> list[str]:
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=CALLER_TIMEOUT))
        wechat = TRANSPORTS[plan.transport](plan.seed, folder=folder, http=http)
        receiver = Receiver("post_api", plan.seed, folder=folder, http=http)
        archive = Receiver(ARCHIVE, plan.seed, folder=folder, http=http)
        for service in (wechat, receiver, archive):
            stack.push_async_callback(service.close)
            await service.start()
        await wechat.prepare()
        gateway = Gateway(
            folder,
            transport=plan.transport,
            base_url=wechat.url,
            post_api=receiver.url,
            archive=archive.url,
        )
        stack.push_async_callback(gateway.close)
        traffic = Traffic(wechat, gateway, await wechat.chats(), plan.seed, http)
        rounds = _Rounds(plan, gateway, wechat, receiver, archive)
        async with _traffic(traffic):
            await rounds.run()
        await wechat.calm_down()
        for backend in (receiver, archive):
            await backend.set_mood(Mood.CALM)
        settling = Settling(
            wechat, receiver, traffic, retry=lambda: gateway.try_now(http), archive=archive
        )
        records, wrong = await settling.run(gateway.ended_without_room)
        if code := await gateway.terminate():
            wrong.append(f"the gateway stopped with exit code {code}")
        if plan.kills >= 2 * len(rounds.stages):  # in a shorter run chance may leave one out
            wrong += emptiness(records)
        if gateway.tracebacks:
            wrong.append(f"{gateway.tracebacks} tracebacks in the gateway's log")
        print(f"{rounds.summary()}\n{figures(records)}")
        return wrong


@asynccontextmanager
async def _traffic(traffic: Traffic) -> AsyncIterator[None]:
    """Let friends write and callers send during the rounds."""
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
    def __init__(
        self,
        plan: Plan,
        gateway: Gateway,
        wechat: WeChat,
        receiver: Receiver,
        archive: Receiver,
    ) -> None:
        self.stages = (*STAGES, *wechat.stages)
        self._plan = plan
        self._gateway = gateway
        self._wechat = wechat
        self._receiver = receiver
        self._archive = archive
        self._archive_draw = random.Random(f"{plan.seed}:{ARCHIVE}")
        self._draw = random.Random(f"{plan.seed}:rounds")
        self._count: Counter[str] = Counter()

    async def run(self) -> None:
        """Run all rounds, then start the gateway a last time."""
        kills = 0
        for number in range(self._plan.kills + self._plan.kills // KILLS_BETWEEN_STOPS):
            stops = number % (KILLS_BETWEEN_STOPS + 1) == KILLS_BETWEEN_STOPS
            await self._gateway.start()
            mood = self._draw.choice([Mood.WELL, *MOODS])
            await self._receiver.set_mood(mood)
            other = self._archive_draw.choice([Mood.WELL, *MOODS])
            await self._archive.set_mood(other)
            # In turn, so that a short run has them all.
            stage = "working" if stops else self.stages[kills % len(self.stages)]
            behaviour = await self._wechat.begin_round(number, self._draw)
            await self._work(stage)
            self._count.update([stage, f"post_api {mood}", f"{ARCHIVE} {other}"])
            if stops:
                await self._stop()
            else:
                await self._gateway.kill()
                kills += 1
            how = ", ".join(
                filter(None, (stage, f"post_api {mood}", f"{ARCHIVE} {other}", behaviour))
            )
            print(f"  {number + 1}: {how}: {'SIGTERM' if stops else 'SIGKILL'}")
            sys.stdout.flush()
        await self._gateway.start()
        await self._gateway.wait_until_running()

    def summary(self) -> str:
        return ", ".join(f"{n} × {what}" for what, n in sorted(self._count.items()))

    async def _stop(self) -> None:
        # Until it listens it may still be importing, with the default handler of SIGTERM.
        orderly = self._gateway.listens.is_set()
        code = await self._gateway.terminate()
        if code != 0 and (orderly or code != -signal.SIGTERM):
            raise Failed(f"the gateway stopped with exit code {code}\n{self._gateway.tail()}")

    async def _work(self, stage: str) -> None:
        """Wait until the moment of the kill."""
        if stage == "starting":
            await asyncio.sleep(self._draw.uniform(0.1, 1.2))
            return
        await self._gateway.wait_until_running()
        await asyncio.sleep(self._draw.uniform(0.0, 0.8))
        if stage == "logged out":
            await self._wechat.end_session(self._draw, self._receiver)
            await asyncio.sleep(self._draw.uniform(0.0, 0.6))
        elif stage == "disk full":
            await self._fill_disk()
        elif stage in self._wechat.stages:
            await self._wechat.wait_for(stage)
            await asyncio.sleep(self._draw.uniform(0.1, 0.3))

    async def _fill_disk(self) -> None:
        """Fill the disk until the gateway reports it, then free it, or leave it full for the kill."""
        self._gateway.fill_disk()
        await self._gateway.wait_until_full_disk_reported()
        await asyncio.sleep(self._draw.uniform(0.0, 0.5))
        if self._draw.random() < 0.5:
            return
        self._gateway.free_disk()
        await self._receiver.set_mood(Mood.CALM)
        await self._receiver.read_arrivals(0.0)  # what arrived before
        if not await self._receiver.read_arrivals(ARRIVES_WITHIN_S):
            raise Failed(
                f"nothing arrives {ARRIVES_WITHIN_S} s after there is room again\n"
                f"{self._gateway.tail()}"
            )
