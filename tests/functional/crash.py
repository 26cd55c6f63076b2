"""The harness of the crash tests: a gateway in a process of its own that is killed at any moment.

The simulated WeChat and ``post_api`` live in the test's process: what they recorded outlives every
kill, and is all that a verdict is based on.
"""

import asyncio
import base64
import contextlib
import itertools
import os
import random
import signal
import socket
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from openwx.simulator import Account, Group, Heard, Message, Person

Chat = Person | Group

MEDIA = 0.15
"""So much of all that is written and sent is a file."""


class GatewayProcess:
    """``openwx serve`` on one port and one data folder, started again and again."""

    def __init__(self, folder: Path, *, base_url: str, post_api: str, **more: str) -> None:
        self.log: list[str] = []
        self.starts = 0
        self.url = f"http://127.0.0.1:{_free_port()}"
        self.listens, self.runs = asyncio.Event(), asyncio.Event()
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("OPENWX_")},
            "OPENWX_DATA_DIR": str(folder / "data"),
            "OPENWX_LISTEN__PORT": self.url.rpartition(":")[2],
            "OPENWX_REPORT__POST_API": post_api,
            "OPENWX_ACCOUNTS__DEFAULT__BASE_URL": base_url,
            "OPENWX_ACCOUNTS__DEFAULT__SEND_INTERVAL": "0",
            **more,
        }

    async def start(self) -> None:
        self.starts += 1
        self.log.append(f"--- start {self.starts}")
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "openwx", "serve"),
            env=self._environment,
            cwd=self._folder,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        self._reading = asyncio.create_task(self._read(self._process))

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            text = line.decode(errors="replace").rstrip()
            self.log.append(text)
            if "listens on" in text:
                self.listens.set()
            if "→ running" in text:
                self.runs.set()
            elif " → " in text and "running →" in text:
                self.runs.clear()

    async def is_running(self, timeout_s: float = 30.0) -> None:
        """Wait until its account runs."""
        try:
            async with asyncio.timeout(timeout_s):
                await self.runs.wait()
        except TimeoutError:
            raise AssertionError(f"not running within {timeout_s} s:\n{self.tail()}") from None

    async def kill(self) -> None:
        """SIGKILL: no handler, no flush, no goodbye."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        return await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> int:
        process, reading = self._process, self._reading
        assert process is not None
        assert reading is not None
        self._process = None
        died = process.returncode
        if died is None:
            process.send_signal(number)
        try:
            async with asyncio.timeout(20):
                code = await process.wait()
        except TimeoutError:
            process.kill()
            code = await process.wait()
            raise AssertionError(f"the gateway does not stop\n{self.tail()}") from None
        finally:
            self.listens.clear()
            self.runs.clear()
        await reading
        assert died is None, f"the gateway ended by itself ({died})\n{self.tail()}"
        return code

    async def close(self) -> None:
        if self._process is not None:
            with contextlib.suppress(AssertionError):
                await self.kill()

    def tail(self, lines: int = 60) -> str:
        return "\n".join(self.log[-lines:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Arrival:
    webhook_id: str
    payload: dict[str, Any]
    reply: str
    """What this delivery was answered with; empty for nothing."""


class Bot:
    """A ``post_api`` that keeps everything, replies to some messages, and is at times unreliable.

    Each delivery of a message gets a reply of its own, so that a reply executed for two of them
    shows.
    """

    def __init__(self, seed: int, *, trouble: float = 0.0) -> None:
        self.arrivals: list[Arrival] = []
        self.trouble = trouble
        self.url = ""
        self._draw = random.Random(seed)
        self._numbers = itertools.count(1)
        self._runner: web.AppRunner
        self._came = asyncio.Condition()

    async def __aenter__(self) -> "Bot":
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/hook", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/hook"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        payload = await request.json()
        mood = self._draw.random()
        if mood < self.trouble / 2:  # before it was taken
            return web.Response(status=503)
        reply = ""
        if payload["post_type"] == "receive_message" and wants_reply(payload["content"]):
            reply = f"reply {next(self._numbers)} to {payload['content']}"
        self.arrivals.append(Arrival(request.headers["webhook-id"], payload, reply))
        async with self._came:
            self._came.notify_all()
        if mood < self.trouble:  # it was taken, but the answer is lost
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"reply": reply} if reply else {})

    async def until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s), self._came:
                await self._came.wait_for(condition)
        except TimeoutError:
            return False
        return True

    def knows(self, message_id: str) -> bool:
        return any(arrival.payload.get("id") == message_id for arrival in reversed(self.arrivals))

    def of(self, post_type: str) -> Iterator[Arrival]:
        return (arrival for arrival in self.arrivals if arrival.payload["post_type"] == post_type)


def wants_reply(text: str) -> bool:
    """Every fourth message wants one: all know which."""
    kind, _, number = text.partition(" ")
    return kind == "message" and number.isdecimal() and int(number) % 4 == 0


@dataclass
class Sent:
    """What callers were told of their sends, by text."""

    answered: list[str] = field(default_factory=list)
    """Waiting sends that were answered with code 0."""
    accepted: dict[str, str] = field(default_factory=dict)
    """Sends with ``async=1`` that were answered with code 0: their uids."""
    in_order: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """What each caller was promised, in the order in which that caller asked for it."""
    unknown: list[str] = field(default_factory=list)
    """No answer came, or a refusal."""


class Traffic:
    """Friends and members who write, and callers who send, each at a rate."""

    def __init__(self, account: Account, gateway: GatewayProcess, seed: int) -> None:
        self.account = account
        self.gateway = gateway
        self.sent = Sent()
        self.messages: list[tuple[Chat, Message]] = []
        self.chats: list[Chat] = [*account.friends[:4], account.friend("filehelper")]
        self.chats += account.groups[:2]
        self._draw = random.Random(seed)
        self._numbers = itertools.count(1)
        self._texts = itertools.count(1)
        self._callers = itertools.count(1)

    async def write(self, pause_s: float) -> None:
        """Until cancelled: somebody writes."""
        while True:
            self.write_once()
            await asyncio.sleep(pause_s * self._draw.uniform(0.5, 1.5))

    def write_once(self) -> Message:
        people = [chat for chat in self.chats if str(chat) != "文件传输助手"]
        chat, text = self._draw.choice(people), f"message {next(self._numbers)}"
        file = (f"{text}.txt", text.encode()) if self._draw.random() < MEDIA else None
        if isinstance(chat, Group):
            member = self._draw.choice(chat.others)
            message = (
                chat.member_sends_file(member, *file) if file else chat.member_says(member, text)
            )
        else:
            message = chat.sends_file(*file) if file else chat.says(text)
        self.messages.append((chat, message))
        return message

    async def send(self, http: aiohttp.ClientSession, *, later: bool, pause_s: float) -> None:
        """Until cancelled: a caller sends one text after the other."""
        caller = f"{'async' if later else 'waiting'} {next(self._callers)}"
        while True:
            await self.gateway.runs.wait()
            await asyncio.sleep(pause_s * self._draw.uniform(0.5, 1.5))
            chat = self._draw.choice(self.chats)
            text = f"{caller}.{next(self._texts)}"
            route = "send_group_message" if isinstance(chat, Group) else "send_friend_message"
            call: dict[str, Any] = {**selectors(chat), "async": int(later)}
            if self._draw.random() < MEDIA:
                encoded = base64.b64encode(text.encode()).decode()
                call |= {"media_data": encoded, "media_name": f"{text}.txt"}
            else:
                call["content"] = text
            try:
                async with http.post(f"{self.gateway.url}/openwx/{route}", json=call) as response:
                    answer = await response.json()
            except (aiohttp.ClientError, OSError):
                self.sent.unknown.append(text)
                continue
            if answer["code"] != 0:
                self.sent.unknown.append(text)
                continue
            self.sent.in_order[caller].append(text)
            if later:
                self.sent.accepted[text] = answer["uid"]
            else:
                self.sent.answered.append(text)


def said(heard: Heard) -> str:
    """What was sent, be it as a text or as a file."""
    return heard.file_name.removesuffix(".txt") or heard.text


def told_of(payload: Mapping[str, Any]) -> str:
    """The text or file that an upload tells of."""
    if payload["format"] == "media":
        return str(payload["media_name"]).removesuffix(".txt")
    return str(payload["content"])


def selectors(chat: Chat) -> dict[str, str]:
    """Which chat, in words that last: ids do not survive a login."""
    if isinstance(chat, Group):
        return {"displayname": chat.name}
    if chat.system_name:
        return {"id": chat.system_name}
    return {"account": chat.alias} if chat.alias else {"displayname": chat.nickname}


@dataclass
class Verdict:
    """What the records prove. ``complaints`` is empty where every promise was kept."""

    complaints: list[str]
    figures: str


def judge(account: Account, bot: Bot, traffic: Traffic) -> Verdict:
    """Hold the records of the simulator and of ``post_api`` against what openwx promises."""
    handed_out = set(account.handed_out)
    shown = [(chat, message) for chat, message in traffic.messages if message.msg_id in handed_out]
    arrivals = list(bot.of("receive_message"))
    heard = Counter(said(heard) for heard in account.sent)
    endings: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
    """Of the sends, by uid: the webhook-ids and codes with which they were told."""
    for arrival in bot.of("send_message"):
        endings[arrival.payload["uid"]].add((arrival.webhook_id, arrival.payload["code"]))
    replied = Counter(text.partition(" to ")[2] for text in heard if text.startswith("reply "))
    wanted = [message.text for _, message in shown if wants_reply(message.text)]
    complaints = [
        *_of_messages(shown, arrivals),
        *(f"{text}: heard {n} times" for text, n in heard.items() if n > 1),
        *_of_sends(traffic.sent, heard, endings),
        *_of_order(traffic.sent, account),
        *_of_uploads(traffic.sent, heard, bot),
        *(
            f"the reply to {text} was executed {replied[text]} times"
            for text in wanted
            if replied[text] != 1
        ),
    ]
    sent = traffic.sent
    failed = sum(code != 0 for ends in endings.values() for _, code in ends)
    media = sum(message.medium is not None for _, message in shown)
    repeats = len(arrivals) - len({arrival.webhook_id for arrival in arrivals})
    figures = (
        f"{len(shown)} messages ({media} media) handed out of {len(traffic.messages)} written,"
        f" {len(arrivals)} arrivals ({repeats} repeats);"
        f" {len(sent.answered)} waiting sends answered, {len(sent.accepted)} accepted,"
        f" {len(sent.unknown)} without an answer; {len(wanted)} replies; {failed} told as failed"
    )
    return Verdict(complaints, figures)


def _of_messages(shown: list[tuple[Chat, Message]], arrivals: list[Arrival]) -> Iterator[str]:
    """Each arrived, under one webhook-id, and first arrivals keep the order of their chat."""
    first: dict[str, int] = {}
    payloads: dict[str, Mapping[str, Any]] = {}
    webhook_ids: defaultdict[str, set[str]] = defaultdict(set)
    for number, arrival in enumerate(arrivals):
        first.setdefault(arrival.payload["id"], number)
        payloads.setdefault(arrival.payload["id"], arrival.payload)
        webhook_ids[arrival.payload["id"]].add(arrival.webhook_id)
    for id, ids in webhook_ids.items():
        if len(ids) > 1:
            yield f"message {id} came with {len(ids)} webhook-ids"
    by_chat: defaultdict[int, list[Message]] = defaultdict(list)
    for chat, message in shown:
        if message.msg_id not in first:
            yield f"lost: {message.text}"
            continue
        by_chat[chat.key].append(message)
        if message.medium is not None:
            data = base64.b64decode(payloads[message.msg_id].get("media_data", ""))
            if data != message.medium.data:
                error = payloads[message.msg_id].get("media_error")
                yield f"{message.medium.name}: came with {len(data)} bytes ({error})"
    for messages in by_chat.values():
        for earlier, later in itertools.pairwise(messages):
            if first[earlier.msg_id] > first[later.msg_id]:
                yield f"order: {later.text} came before {earlier.text}"


def _of_sends(
    sent: Sent, heard: Counter[str], endings: Mapping[str, set[tuple[str, int]]]
) -> Iterator[str]:
    """What was promised was heard; or, where nobody waited, told as failed."""
    for text in sent.answered:
        if not heard[text]:
            yield f"{text}: answered with code 0, heard never"
    for text, uid in sent.accepted.items():
        told = endings.get(uid, set())
        if len(told) != 1:
            yield f"{text}: accepted, told as {told or 'nothing'}"
            continue
        [(_, code)] = told
        if (heard[text] == 1) != (code == 0):
            yield f"{text}: accepted, heard {heard[text]} times, told with {code}"


def _of_order(sent: Sent, account: Account) -> Iterator[str]:
    places = {said(heard): place for place, heard in enumerate(account.sent)}
    for texts in sent.in_order.values():
        for text, after in itertools.pairwise(text for text in texts if text in places):
            if places[text] > places[after]:
                yield f"order of sends: {after} was heard before {text}"


def _of_uploads(sent: Sent, heard: Counter[str], bot: Bot) -> Iterator[str]:
    """All that was heard is told, once. Of what the process died in the middle of nobody waits for
    the end: its caller went with it."""
    uploads = {arrival.webhook_id: arrival.payload for arrival in bot.of("send_message")}
    told = Counter(told_of(payload) for payload in uploads.values())
    excused = {*sent.unknown}
    for text, n in told.items():
        if n > 1:
            yield f"{text}: told {n} times how it ended"
    for text in heard:
        if not told[text] and text not in excused:
            yield f"{text}: heard, never told"
