"""Every fault that the simulated WeChat knows, at every call that openwx makes: one after another, and at random.

Nothing crashes, hangs, is lost or comes twice, and the account says what it is.
Longer: ``OPENWX_TEST_FAULTS=1000 pytest tests/functional/test_every_fault.py``; ``OPENWX_TEST_SEED`` draws again.
"""

import asyncio
import base64
import contextlib
import os
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import pytest

from openwx import service
from openwx.errors import Code, WeChatError
from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.media import GIF, MP3, MP4, PNG
from openwx.simulator.samples import png
from tests.how_many import how_many
from tests.patience import PATIENCE_S

from .changing import id_of, ids_of
from .world import Gateway, Json, Receiver, World

RANDOM_FAULTS = int(os.environ.get("OPENWX_TEST_FAULTS", how_many(25, in_ci=60)))
SEED = int(os.environ.get("OPENWX_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)

STRIKES_WITHIN_S = 5.0
"""After that, what a fault should strike is done again."""
FAULTS = [fault for fault in Fault if fault is not Fault.RET]
REFUSALS = [-1, 1, -2, -14, 1205]
"""Those that do not end the session."""

WHILE_RUNNING = ["synccheck", "webwxsync", "webwxbatchgetcontact"]
WHILE_LOGGING_IN = [
    *("jslogin", "login", "webwxnewloginpage", "webwxpushloginurl", "webwxinit"),
    *("webwxstatusnotify", "webwxgetcontact", "webwxbatchgetcontact", "webwxsync"),
]
WHILE_SENDING = [
    *("webwxsendmsg", "webwxuploadmedia", "webwxsendmsgimg", "webwxsendemoticon"),
    *("webwxsendvideomsg", "webwxsendappmsg"),
]
WHILE_FETCHING = ["webwxgetmsgimg", "webwxgetvoice", "webwxgetvideo", "webwxgetmedia"]
WHILE_CHANGING = [
    *("webwxcreatechatroom", "webwxupdatechatroom", "webwxoplog", "webwxverifyuser"),
    *("webwxrevokemsg", "webwxgeticon", "webwxgetheadimg"),
]
"""Calls that a caller waits for, and that are not repeated by themselves."""


@dataclass
class Scene:
    """Somebody writes, somebody sends, and all that is said is counted."""

    api: Gateway
    account: Account
    receiver: Receiver
    written: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    shown: int = 0

    async def hears(self) -> None:
        """Check that messages of a friend and of a new member are reported."""
        text = f"in {len(self.written)}"
        self.account.friend("小灰").says(text)
        group = self.account.group("PERL学习交流")
        group.add_member(f"new {len(self.written)}")
        self.written.append(text)
        await self.receiver.get(content=text)

    async def sends(self) -> None:
        """Check that a text is accepted, and reported once."""
        text = f"out {len(self.sent)}"
        reply = await self.api.get(
            "send_friend_message", id="filehelper", content=text, **{"async": "1"}
        )
        assert reply.code == 0, reply.words
        self.sent.append(text)
        await self.receiver.get(post_type="send_message", uid=reply.json["uid"])

    async def shows(self, call: str = "webwxsendmsgimg") -> None:
        """Check that a file that was never sent before is accepted, and its outcome reported."""
        self.shown += 1
        data = {
            "webwxsendemoticon": GIF + bytes([self.shown]),
            "webwxsendvideomsg": MP4 + bytes([self.shown]),
            "webwxsendappmsg": f"text {self.shown}".encode(),
        }.get(call, png((self.shown, 0, 0)))
        reply = await self.api.post_json(
            "send_friend_message",
            id="filehelper",
            media_data=base64.b64encode(data).decode(),
            **{"async": True},
        )
        assert reply.code == 0, reply.words
        await self.receiver.get(post_type="send_message", uid=reply.json["uid"])

    async def fetches(self, call: str = "webwxgetmsgimg") -> None:
        """Check that received media is reported with its bytes, or with the reason why not."""
        friend = self.account.friend("小灰")
        match call:
            case "webwxgetvoice":
                message = friend.sends_voice(MP3)
            case "webwxgetvideo":
                message = friend.sends_video(MP4)
            case "webwxgetmedia":
                message = friend.sends_file("a.txt", b"text")
            case _:
                message = friend.sends_image(PNG)
        report = await self.receiver.get(id=message.msg_id)
        assert "media_path" in report or report["media_error"]

    async def changes(self, call: str) -> None:
        """Check that a change is answered in time, and with code 0 only if it took effect."""
        self.shown += 1
        route, parameters, is_done = await self._change(call, f"name {self.shown}")
        async with asyncio.timeout(PATIENCE_S):
            reply = await self.api.post(route, **parameters)
        assert reply.status in (200, 503, 504), reply.body
        if not reply.headers["Content-Type"].startswith("image/"):
            assert reply.code != 0 or is_done(), reply.body
            assert reply.code != Code.REFUSED or not is_done(), reply.body

    async def _change(self, call: str, name: str) -> tuple[str, Json, Callable[[], bool]]:
        """Return what makes this call: route, parameters, and whether it took effect."""
        account = self.account
        grey, momo = account.friend("小灰"), account.friend("momo")
        group = account.group("PERL学习交流")
        match call:
            case "webwxcreatechatroom":
                given = {"friends": ids_of(account, grey, momo), "displayname": name}
                return "create_group", given, lambda: name in [one.name for one in account.groups]
            case "webwxupdatechatroom":
                other = next(one for one in account.groups if one is not group)
                given = {"id": id_of(account, other), "new_displayname": name}
                return "set_group_displayname", given, lambda: other.name == name
            case "webwxoplog":
                given = {"id": id_of(account, grey), "new_markname": name}
                return "set_markname", given, lambda: grey.remark == name
            case "webwxverifyuser":
                known = [account.owner, *account.friends]
                people = [member.person for member in group.members.values()]
                stranger = next(person for person in people if person not in known)
                given = {"id": id_of(account, stranger), "verify": name}
                return (
                    "make_friend",
                    given,
                    lambda: name in [one.words for one in account.friend_requests_sent],
                )
            case "webwxrevokemsg":
                sent = await self.api.get("send_friend_message", id="filehelper", content=name)
                message = account.sent[-1]
                return "revoke_message", {"id": sent.json["msg_id"]}, lambda: message.revoked
            case "webwxgetheadimg":  # a group of its own each time: pictures are kept
                added = account.add_group(name, [grey, momo])
                await self.receiver.gets(event="new_group", n=self.shown)
                return "get_avatar", {"id": id_of(account, added)}, lambda: False
            case _:
                person = account.friends[self.shown % len(account.friends)]
                return "get_avatar", {"id": id_of(account, person)}, lambda: False

    async def logs_in_anew(self) -> None:
        self.account.end_session(1102)
        await self.is_online()

    async def is_online(self) -> None:
        """Log in by whatever the phone is asked for, until the account runs."""
        phone = self.account.phone
        async with asyncio.timeout(PATIENCE_S):
            while (await self.api.client())["state"] != "running" or not self.account.is_online:
                if phone.shows() is not None:
                    phone.confirm()
                elif self.account.world.codes.pending():
                    await phone.logs_in()
                await self.api.get("check_event", timeout="0.1")

    def is_whole(self) -> None:
        """Nothing is missing, nothing came twice."""
        texts = [report["content"] for report in self.receiver.got(post_type="receive_message")]
        assert [text for text in texts if text.startswith("in ")] == self.written
        heard = [text for text in self.account.filehelper.texts if text.startswith("out ")]
        reports = {
            report["content"]: report["code"]
            for report in self.receiver.got(post_type="send_message", format="text")
        }
        assert len(heard) == len(set(heard))
        certain = {text for text in self.sent if reports[text] != Code.GAVE_UP}
        assert certain & set(heard) == {text for text in certain if reports[text] == 0}


@pytest.fixture
async def scene(world: World, account: Account, receiver: Receiver) -> Scene:
    # A hanging call ends soon, so that many of them fit into a test.
    api = await world.run(
        pace={"call_timeout_s": 0.3, "poll_timeout_s": 1.0, "pairing_wait_s": 0.2}
    )
    return Scene(api, account, receiver)


async def strikes(
    scene: Scene, simulator: Simulator, call: str, fault: Fault, act: Callable[[], Awaitable[None]]
) -> None:
    """Act while a fault strikes a call, and see that everything goes on."""
    refusals = REFUSALS if fault is Fault.RET else [0]
    for ret in refusals:
        rule = simulator.faults.add(call, fault, times=1, ret=ret, seconds=1.0)
        async with asyncio.timeout(PATIENCE_S):
            while not rule.hits:  # on a busy machine a call may time out before it comes
                try:
                    await act()
                except AssertionError as error:
                    raise AssertionError(f"{call} {fault.value} {ret}: {error}") from error
                with contextlib.suppress(TimeoutError):
                    await rule.strikes(STRIKES_WITHIN_S)
        simulator.faults.remove(rule)
        await scene.is_online()


@pytest.mark.parametrize("call", WHILE_RUNNING)
async def test_while_running(scene: Scene, simulator: Simulator, call: str) -> None:
    for fault in Fault:
        await strikes(scene, simulator, call, fault, scene.hears)
    scene.is_whole()


@pytest.mark.parametrize("call", WHILE_SENDING)
async def test_while_sending(scene: Scene, simulator: Simulator, call: str) -> None:
    for fault in Fault:
        act = scene.sends if call == "webwxsendmsg" else partial(scene.shows, call)
        await strikes(scene, simulator, call, fault, act)
        await scene.hears()
    scene.is_whole()


@pytest.mark.parametrize("call", WHILE_FETCHING)
async def test_while_fetching(scene: Scene, simulator: Simulator, call: str) -> None:
    for fault in Fault:
        await strikes(scene, simulator, call, fault, partial(scene.fetches, call))
    await scene.hears()
    scene.is_whole()


@pytest.mark.parametrize("call", WHILE_CHANGING)
async def test_while_changing(scene: Scene, simulator: Simulator, call: str) -> None:
    for fault in Fault:
        await strikes(scene, simulator, call, fault, partial(scene.changes, call))
    await scene.hears()
    scene.is_whole()


@pytest.mark.parametrize("call", WHILE_LOGGING_IN)
async def test_while_logging_in(scene: Scene, simulator: Simulator, call: str) -> None:
    scene.account.allows_push_login = call != "jslogin"
    for fault in FAULTS:
        await strikes(scene, simulator, call, fault, scene.logs_in_anew)
        await scene.hears()
    scene.is_whole()


async def test_while_logging_out(world: World, account: Account, simulator: Simulator) -> None:
    """``openwx logout`` says that it is done only where it is; else it can be tried again.

    Its answer has no Ret.
    """
    for fault in FAULTS:
        await (await world.run()).stop()
        session = account.session
        assert session is not None
        rule = simulator.faults.add("webwxlogout", fault, times=1, ret=-1, seconds=0.2)
        try:
            await service.log_out(world.settings())
        except WeChatError:
            await service.log_out(world.settings())
        assert rule.hits, fault
        assert session.ended is not None, fault


async def test_at_random(scene: Scene, simulator: Simulator) -> None:
    print(f"faults drawn with OPENWX_TEST_SEED={SEED}")
    draw = random.Random(SEED)
    acts = [scene.hears, scene.sends, scene.shows, scene.fetches]
    calls = [*WHILE_RUNNING, *WHILE_SENDING, *WHILE_FETCHING]
    for _ in range(RANDOM_FAULTS):
        for _ in range(draw.randrange(1, 3)):
            simulator.faults.add(
                draw.choice(calls),
                draw.choice(FAULTS),
                times=draw.randrange(1, 3),
                seconds=draw.uniform(0.0, 0.5),
            )
        await draw.choice(acts)()
        if draw.random() < 0.1:
            await scene.logs_in_anew()
    simulator.faults.clear()
    await scene.is_online()
    await scene.hears()
    await scene.sends()
    scene.is_whole()
