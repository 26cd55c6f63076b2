"""Traffic of the crash test: friends and members write, callers send.
Both crash tests make it.
"""

import asyncio
import base64
import itertools
import random
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp

from openwx.errors import Code

from .process import Failed
from .wechat import Chat, ChatKey, WeChat

FILES = 0.15
"""The share of files among all messages."""
REPEATS = 0.5
"""The share of waiting sends with an idempotency key, which are repeated until there is an answer."""


@dataclass(frozen=True, slots=True)
class Written:
    chat: ChatKey
    text: str
    msg_id: str
    file: bytes | None = None


@dataclass
class Sent:
    """The answers to sends, by text."""

    chats: dict[str, ChatKey] = field(default_factory=dict)
    """The recipient of every send that was requested."""
    answered: list[str] = field(default_factory=list)
    """Waiting sends that were answered with code 0."""
    msg_ids: dict[str, str] = field(default_factory=dict)
    """The MsgIds of these."""
    without_room: dict[str, int] = field(default_factory=dict)
    """The starts that answered some of them while the disk was full. Such an answer is WeChat's, and its outcome stays
    in memory until there is room."""
    accepted: dict[str, str] = field(default_factory=dict)
    """Sends with ``async=1`` that were answered with code 0: their uids."""
    in_order: defaultdict[object, list[str]] = field(default_factory=lambda: defaultdict(list))
    """The successful sends of each caller, in the caller's order; to each chat, where sends can wait for people."""
    unknown: set[str] = field(default_factory=set)
    """Sends without an answer, or refused."""
    refused: dict[str, int] = field(default_factory=dict)
    """Sends that were answered with another code than 0."""
    waited: int = 0
    """How many of those with ``async=1`` were told that they wait for a person."""
    repeated: Counter[str] = field(default_factory=Counter)
    """How often callers repeated a send without an answer, with its key."""


class Door(Protocol):
    """Where callers call."""

    @property
    def url(self) -> str:
        """The address for the next call."""

    @property
    def starts(self) -> int:
        """How often its process was started."""

    @property
    def runs(self) -> asyncio.Event:
        """Set while it may be called."""

    def lacks_room(self, start: int) -> bool:
        """Return whether the process of a start has a full disk, or ended with one."""


class Traffic:
    """Writes and sends, and records what was promised."""

    def __init__(
        self, wechat: WeChat, gateway: Door, chats: Sequence[Chat], seed: int | str,
        http: aiohttp.ClientSession,
    ) -> None:  # fmt: skip
        self.sent = Sent()
        self.written: list[Written] = []
        self._wechat = wechat
        self._gateway = gateway
        self._http = http
        self._chats = chats
        self._stopped = False
        self._draw = random.Random(f"{seed}:traffic")
        self._numbers = itertools.count(1)
        self._texts = itertools.count(1)
        self._callers = itertools.count(1)

    async def write(self, pause_s: float) -> None:
        """Write until ``stop_writing``. It must not be cancelled, so that every written message is recorded."""
        while not self._stopped:
            await self.write_once()
            await asyncio.sleep(pause_s * self._draw.uniform(0.5, 1.5))

    def stop_writing(self) -> None:
        self._stopped = True

    async def write_once(self) -> Written:
        silent = self._wechat.silent
        chats = [chat for chat in self._chats if chat.writes and chat.key not in silent]
        return await self._write(self._draw.choice(chats))

    async def everybody_writes(self) -> None:
        """Write a message in every chat, so that each can be sent something again."""
        for chat in self._chats:
            if chat.writes:
                await self._write(chat)

    async def _write(self, chat: Chat) -> Written:
        text = f"message {next(self._numbers)}"
        file = text.encode() if self._draw.random() < FILES else None
        member = self._draw.choice(chat.members) if chat.is_group else ""
        msg_id = await self._wechat.writes(chat, text, member=member, file=file)
        written = Written(chat.key, text, msg_id, file)
        self.written.append(written)
        return written

    async def send(self, *, later: bool, pause_s: float) -> None:
        """Send one message after the other until cancelled."""
        caller = self._caller(later=later)
        while True:
            await self._gateway.runs.wait()
            await asyncio.sleep(pause_s * self._draw.uniform(0.5, 1.5))
            await self._send_once(caller, later=later)

    async def burst(self, callers: int, for_s: float) -> None:
        """Have some more callers send without a pause, and wait for no outcome, for so long."""
        ends_at = time.monotonic() + for_s

        async def send() -> None:
            caller = self._caller(later=True)
            while time.monotonic() < ends_at:
                await self._send_once(caller, later=True)

        await asyncio.gather(*(send() for _ in range(callers)))

    def _caller(self, *, later: bool) -> str:
        return f"{'async' if later else 'waiting'} {next(self._callers)}"

    async def _send_once(self, caller: str, *, later: bool) -> None:
        chat = self._draw.choice(self._chats)
        text = f"{caller}.{next(self._texts)}"
        self.sent.chats[text] = chat.key
        self.sent.unknown.add(text)
        with_key = not later and self._draw.random() < REPEATS
        call = self._call(chat, text, later)
        answer, start = await self._until_answered(chat, call, text, with_key)
        if answer is None:
            return
        if answer["code"] != 0:
            self.sent.refused[text] = answer["code"]
            return
        self.sent.unknown.discard(text)
        line = (caller, chat.key) if self._wechat.bounds_sends else caller
        self.sent.in_order[line].append(text)
        if later:
            self.sent.accepted[text] = answer["uid"]
            self.sent.waited += "waits_for" in answer
        else:
            self.sent.answered.append(text)
            self.sent.msg_ids[text] = answer["msg_id"]
            # Its process may have been killed, and the next one started, before the answer was looked at.
            if self._gateway.lacks_room(start):
                self.sent.without_room[text] = start

    def _call(self, chat: Chat, text: str, later: bool) -> dict[str, Any]:
        call: dict[str, Any] = {**chat.selector, "async": int(later)}
        if self._draw.random() >= FILES:
            return {**call, "content": text}
        encoded = base64.b64encode(text.encode()).decode()
        return {**call, "media_data": encoded, "media_name": f"{text}.txt"}

    async def _until_answered(
        self, chat: Chat, call: dict[str, Any], text: str, with_key: bool
    ) -> tuple[dict[str, Any] | None, int]:
        """Call until there is an answer to the send.

        None if the connection broke, and the caller has no key with which it can be repeated. With the number of the
        start that was asked last.
        """
        route = "send_group_message" if chat.is_group else "send_friend_message"
        headers = {"Idempotency-Key": text.replace(" ", "-")} if with_key else {}
        while True:
            start = self._gateway.starts
            try:
                async with self._http.post(
                    f"{self._gateway.url}/openwx/{route}", json=call, headers=headers
                ) as response:
                    answer: dict[str, Any] = await response.json()
            except (aiohttp.ClientError, OSError):
                if not with_key:
                    return None, start
            else:
                if answer["code"] == Code.BAD_PARAMETER:
                    raise Failed(f"a call is wrong: {answer['status']}")
                # Not running now: that says nothing of an earlier call with this key.
                if not with_key or answer["code"] != Code.NOT_RUNNING:
                    return answer, start
            self.sent.repeated[text] += 1
            await self._gateway.runs.wait()
            await asyncio.sleep(0.01)
