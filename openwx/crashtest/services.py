"""The two programs that survive every kill, and their records."""

import asyncio
import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from .process import Failed, Process
from .receiver import Mood

READY_S = 20.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A report that ``post_api`` recorded."""

    webhook_id: str
    payload: dict[str, Any]
    reply: str = ""
    """The reply that it got; empty for none."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A message of the account that WeChat delivered."""

    chat: int
    text: str
    """The text, or the name of a file without its extension."""


@dataclass(frozen=True, slots=True)
class Chat:
    """A friend or group as the simulated WeChat knows it."""

    key: int
    is_group: bool
    selector: dict[str, str]
    """The parameters that select it in every login: ids change."""
    members: tuple[str, ...] = ()
    writes: bool = True


class _Service(Process):
    """A program that prints its address once it listens."""

    def __init__(
        self, name: str, *arguments: str, folder: Path, http: aiohttp.ClientSession
    ) -> None:
        super().__init__(name, *arguments, folder=folder, environment=os.environ)
        self._http = http
        self._ready = asyncio.Event()

    async def start(self) -> None:
        await super().start()
        try:
            async with asyncio.timeout(READY_S):
                await self._ready.wait()
        except TimeoutError:
            raise Failed(f"{self.name} does not start\n{self.tail()}") from None


class Receiver(_Service):
    """The program of ``receiver``, and the reports that arrived there."""

    def __init__(self, seed: int, *, folder: Path, http: aiohttp.ClientSession) -> None:
        super().__init__(
            "receiver", "openwx.crashtest.receiver", str(seed), folder=folder, http=http
        )
        self.url = ""
        self.arrivals: list[Arrival] = []
        self._control = ""
        self._ids: set[str] = set()

    def handle_line(self, line: str) -> None:
        if not self._ready.is_set() and line.startswith("{"):
            addresses = json.loads(line)
            self.url, self._control = addresses["hook"], addresses["control"]
            self._ready.set()

    async def set_mood(self, mood: Mood) -> None:
        async with self._http.post(f"{self._control}/mood", data=str(mood)) as response:
            response.raise_for_status()

    async def read_arrivals(self, timeout_s: float) -> int:
        """Wait for new arrivals, read them, and return their number."""
        params = {"after": str(len(self.arrivals)), "timeout_s": str(timeout_s)}
        async with self._http.get(f"{self._control}/arrivals", params=params) as response:
            response.raise_for_status()
            new = [Arrival(**record) for record in await response.json()]
        self.arrivals += new
        self._ids.update(str(arrival.payload.get("id")) for arrival in new)
        return len(new)

    async def wait_for_message(self, message_id: str, timeout_s: float) -> bool:
        """Wait for this message; return whether it arrived in time."""
        try:
            async with asyncio.timeout(timeout_s):
                while message_id not in self._ids:
                    await self.read_arrivals(timeout_s)
        except TimeoutError:
            return False
        return True


class WeChat(_Service):
    """``openwx simulate``, driven by its control API."""

    def __init__(self, seed: int, *, folder: Path, http: aiohttp.ClientSession) -> None:
        size = ("--friends", "8", "--groups", "2", "--members", "8")
        # A client that was killed seems to run for a moment: its successor is none of another account.
        command = ("openwx", "simulate", "--port", "0", "--seed", str(seed), "--one-account", *size)
        super().__init__("wechat", *command, folder=folder, http=http)
        self.url = ""

    def handle_line(self, line: str) -> None:
        _, found, url = line.partition("A simulated WeChat runs at ")
        if found:
            self.url = url
            self._ready.set()

    async def get(self, what: str, **parameters: str) -> Any:
        return await self._ask("GET", what, params=parameters)

    async def post(self, what: str, **parameters: Any) -> Any:
        return await self._ask("POST", what, json=parameters)

    async def _ask(self, method: str, what: str, **more: Any) -> Any:
        async with self._http.request(method, f"{self.url}/_simulator/{what}", **more) as response:
            answer = await response.json()
        if response.status != 200:
            raise Failed(f"{self.name}: {what}: {answer.get('error')}")
        return answer

    async def chats(self) -> list[Chat]:
        """List four friends, two groups with their members, and filehelper, which does not write."""
        [filehelper] = [
            who for who in await self.get("system_accounts") if who["id"] == "filehelper"
        ]
        chats = [Chat(filehelper["key"], False, {"id": "filehelper"}, writes=False)]
        for friend in (await self.get("friends"))[:4]:
            alias = friend["alias"]
            selector = {"account": alias} if alias else {"displayname": friend["nickname"]}
            chats.append(Chat(friend["key"], False, selector))
        for group in (await self.get("groups"))[:2]:
            members = await self.get("members", group=str(group["key"]))
            others = tuple(str(member["key"]) for member in members[1:])
            chats.append(Chat(group["key"], True, {"displayname": group["name"]}, others))
        return chats

    async def writes(
        self, chat: Chat, text: str, *, member: str = "", file: bytes | None = None
    ) -> str:
        """Let a friend or member write, or send a file named ``text``. Return the MsgId."""
        who = {"group": str(chat.key), "member": member} if member else {"friend": str(chat.key)}
        verb = "group/member_" if member else "friend/"
        if file is None:
            sent = await self.post(f"{verb}says", **who, text=text)
        else:
            data = base64.b64encode(file).decode()
            sent = await self.post(f"{verb}sends_file", **who, name=f"{text}.txt", data=data)
        return str(sent["msg_id"])

    async def handed_out(self) -> list[str]:
        return [str(id) for id in (await self.get("handed_out"))["msg_ids"]]

    async def heard(self) -> list[Heard]:
        return [
            Heard(sent["key"], sent["file_name"].removesuffix(".txt") or sent["text"])
            for sent in await self.get("sent")
        ]
