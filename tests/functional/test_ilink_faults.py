"""Every fault of the simulated iLink service at every call that openwx makes, one after another and at random.

Nothing crashes, hangs, is lost, comes twice or is sent twice. ``test_every_fault`` does so for web WeChat.
Longer: ``OPENWX_TEST_FAULTS=1000 pytest tests/functional/test_ilink_faults.py``; ``OPENWX_TEST_SEED`` draws again.
"""

import asyncio
import base64
import contextlib
import os
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from openwx.errors import Code
from openwx.simulator import Account, ClawBot, Fault, Simulator
from openwx.simulator.samples import png
from tests.how_many import how_many
from tests.patience import PATIENCE_S
from tests.populations import FEW

from .world import Gateway, Receiver, World

POPULATION = FEW

RANDOM_FAULTS = int(os.environ.get("OPENWX_TEST_FAULTS", how_many(15, in_ci=40)))
SEED = int(os.environ.get("OPENWX_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
STRIKES_WITHIN_S = 5.0
FAULTS = [fault for fault in Fault if fault is not Fault.RET]
REFUSALS = [
    (-1, ""),
    (-2, "prepare failed"),
    (-2, "invalid arguments"),
    (-2, "rate limited"),
    (-12, ""),
    (7, "?"),
]
"""Those that do not end the session, with their words."""

LOGGING_IN = ["get_bot_qrcode", "get_qrcode_status", "notifystart"]


@dataclass
class Scene:
    """A person writes, a bot sends, and all that is said is counted."""

    api: Gateway
    account: Account
    owner: ClawBot
    receiver: Receiver
    simulator: Simulator
    written: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    files: int = 0

    async def hears(self) -> None:
        """Check that a text is reported."""
        text = f"in {len(self.written)}"
        self.written.append(text)
        self.owner.says(text)
        await self.receiver.get(content=text)

    async def fetches(self) -> None:
        """Check that a file is reported with its bytes, or with the reason why not."""
        self.files += 1
        said = self.owner.sends_file(f"{self.files}.bin", b"%d" % self.files * 2000)
        report = await self.receiver.get(id=said.msg_id)
        assert "media_path" in report or report["media_error"]

    async def sends(self) -> None:
        """Check that a text is accepted, and reported once."""
        text = f"out {len(self.sent)}"
        self.sent.append(text)
        self.owner.says("go on")  # else a refusal for the budget would have it wait for ever
        reply = await self.api.get(
            "send_friend_message", id="@owner", content=text, **{"async": "1"}
        )
        assert reply.code == 0, reply.words
        await self._is_reported(reply.json["uid"])

    async def shows(self) -> None:
        """Check that a picture is accepted, and its outcome reported."""
        self.files += 1
        data = base64.b64encode(png((self.files % 256, self.files // 256, 0))).decode()
        self.owner.says("go on")
        reply = await self.api.post(
            "send_friend_message", id="@owner", media_data=data, **{"async": "1"}
        )
        assert reply.code == 0, reply.words
        await self._is_reported(reply.json["uid"])

    async def _is_reported(self, uid: str) -> None:
        """Wait for the outcome; the person writes again where it waits for that."""
        for _ in range(100):
            with contextlib.suppress(AssertionError):
                await self.receiver.gets(post_type="send_message", uid=uid, timeout_s=0.5)
                return
            self.owner.says("go on")
        raise AssertionError(f"no outcome of {uid}")

    async def logs_in_anew(self) -> None:
        self.owner.bot.goes_stale()
        await self.is_online()

    async def is_online(self) -> None:
        """Scan and confirm whatever is shown until the account runs."""
        phone, codes = self.account.phone, self.simulator.codes
        async with asyncio.timeout(PATIENCE_S):
            while (await self.api.client())["state"] != "running" or not self.owner.is_bound:
                if phone.shows() is not None:
                    phone.confirm()
                elif codes.pending():
                    await phone.logs_in()
                await self.api.get("check_event", timeout="0.05")

    def is_whole(self) -> None:
        """Nothing is missing, nothing came twice, nothing was sent twice."""
        texts = [report["content"] for report in self.receiver.got(post_type="receive_message")]
        assert [text for text in texts if text.startswith("in ")] == self.written
        heard = [text for text in self.owner.texts if text.startswith("out ")]
        reports = {
            report["content"]: report["code"]
            for report in self.receiver.got(post_type="send_message", format="text")
        }
        assert len(heard) == len(set(heard)), "a send was repeated"
        certain = {text for text in self.sent if reports[text] != Code.UNREACHABLE}
        assert certain & set(heard) == {text for text in certain if reports[text] == 0}


@pytest.fixture
async def scene(
    world: World, account: Account, owner: ClawBot, receiver: Receiver, simulator: Simulator
) -> Scene:
    simulator.ilink.hold_s = 0.5
    # A hanging call ends soon, so that many of them fit into a test.
    pace = {"call_timeout_s": 0.3, "poll_timeout_s": 1.0, "poll_grace_s": 0.3}
    api = await world.run(transport="ilink", pace=pace)
    scene = Scene(api, account, owner, receiver, simulator)
    await scene.hears()
    return scene


Act = Callable[[], Awaitable[None]]


async def strikes(scene: Scene, call: str, act: Act) -> None:
    """Act while each fault strikes a call, and see that everything goes on."""
    faults = [(fault, 0, "") for fault in FAULTS]
    for fault, ret, errmsg in [*faults, *((Fault.RET, ret, words) for ret, words in REFUSALS)]:
        rule = scene.simulator.faults.add(call, fault, times=1, ret=ret, errmsg=errmsg, seconds=1.0)
        async with asyncio.timeout(PATIENCE_S):
            while not rule.hits:
                try:
                    await act()
                except AssertionError as error:
                    raise AssertionError(f"{call} {fault.value} {ret} {errmsg}: {error}") from error
                with contextlib.suppress(TimeoutError):
                    await rule.strikes(STRIKES_WITHIN_S)
        scene.simulator.faults.remove(rule)
        await scene.is_online()


async def test_while_receiving(scene: Scene) -> None:
    await strikes(scene, "getupdates", scene.hears)
    scene.is_whole()


@pytest.mark.parametrize("call", ["sendmessage", "getuploadurl", "c2c/upload"])
async def test_while_sending(scene: Scene, call: str) -> None:
    await strikes(scene, call, scene.sends if call == "sendmessage" else scene.shows)
    await scene.hears()
    scene.is_whole()


async def test_while_fetching(scene: Scene) -> None:
    await strikes(scene, "c2c/download", scene.fetches)
    await scene.hears()
    scene.is_whole()


@pytest.mark.parametrize("call", LOGGING_IN)
async def test_while_logging_in(scene: Scene, call: str) -> None:
    await strikes(scene, call, scene.logs_in_anew)
    await scene.hears()
    await scene.sends()
    scene.is_whole()


async def test_at_random(scene: Scene) -> None:
    print(f"faults drawn with OPENWX_TEST_SEED={SEED}")
    draw = random.Random(SEED)
    calls = ["getupdates", "sendmessage", "getuploadurl", "c2c/upload", "c2c/download"]
    for _ in range(RANDOM_FAULTS):
        for _ in range(draw.randrange(1, 3)):
            scene.simulator.faults.add(
                draw.choice(calls),
                draw.choice(FAULTS),
                times=draw.randrange(1, 3),
                seconds=draw.uniform(0.0, 0.5),
            )
        await draw.choice([scene.hears, scene.sends, scene.shows, scene.fetches])()
        if draw.random() < 0.1:
            await scene.logs_in_anew()
    scene.simulator.faults.clear()
    await scene.is_online()
    await scene.hears()
    await scene.sends()
    scene.is_whole()


async def test_while_stopping(world: World, owner: ClawBot, simulator: Simulator) -> None:
    """That a bot is off-line matters to nobody: the stop goes on, and the next start."""
    api = await world.run(transport="ilink")
    for fault in FAULTS:
        rule = simulator.faults.add("notifystop", fault, times=1, seconds=0.2)
        await api.stop()
        assert rule.hits == 1, fault
        api = await world.start(transport="ilink")
        await api.reaches("running")
    assert len(owner.bots) == 1
