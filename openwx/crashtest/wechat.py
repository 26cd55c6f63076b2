"""The simulated WeChat of the crash test, as the rounds, the traffic and the verdict see it.
``web`` and ``ilink`` are of this shape.

``WebWeChat`` and ``ILinkWeChat`` say how people write, what was handed out and heard, and how a session is ended.
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import aiohttp

from .process import Failed
from .services import Receiver, Service

ChatKey: TypeAlias = int | str
"""What names a chat in the records of the simulated WeChat."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A message of the account that WeChat delivered."""

    chat: ChatKey
    text: str
    """The text, or the name of a file without its extension."""


@dataclass(frozen=True, slots=True)
class Chat:
    """A friend or group as the simulated WeChat knows it."""

    key: ChatKey
    is_group: bool
    selector: Mapping[str, str]
    """The parameters that select it in every login: ids may change."""
    members: tuple[str, ...] = ()
    writes: bool = True


@dataclass(frozen=True, slots=True)
class Told:
    """What the simulated WeChat recorded. Messages are named by their MsgId."""

    heard: Sequence[Heard]
    handed_out: frozenset[str]
    """The messages that WeChat considers delivered."""
    pending: frozenset[str] = frozenset()
    """Those that it still has for its client."""
    dropped: frozenset[str] = frozenset()
    """Those that it gives to nobody any more, although nobody has acknowledged them."""
    doubled: frozenset[str] = frozenset()
    """Those that it handed out twice by itself."""
    lost_answers: frozenset[str] = frozenset()
    """The texts of sends whose answer was lost."""


class WeChat(Service, ABC):
    """``openwx simulate``, driven by its control API."""

    transport: ClassVar[str]
    drops_repeats: ClassVar[bool]
    """Whether a message that is sent again is shown once. If not, some sends end with an unknown outcome."""
    bounds_sends: ClassVar[bool]
    """Whether people must write again before they can be sent more."""
    stages: ClassVar[tuple[str, ...]] = ()
    """Moments for the end of the gateway that only this WeChat has; ``wait_for`` waits for them."""
    options: ClassVar[tuple[str, ...]] = ()

    def __init__(self, seed: int, *, folder: Path, http: aiohttp.ClientSession) -> None:
        # A client that was killed seems to run for a moment: its successor is none of another account.
        usual = ("--port", "0", "--seed", str(seed), "--one-account")
        command = ("openwx", "simulate", *usual, *self.options)
        super().__init__("wechat", *command, folder=folder, http=http)
        self.url = ""
        self.silent: frozenset[ChatKey] = frozenset()
        """Chats in which nobody writes in this round."""

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

    @abstractmethod
    async def prepare(self) -> None:
        """Set what holds for all rounds: the delay of scans, and faults."""

    @abstractmethod
    async def chats(self) -> list[Chat]:
        """List the chats in which people write, and callers send."""

    @abstractmethod
    async def writes(
        self, chat: Chat, text: str, *, member: str = "", file: bytes | None = None
    ) -> str:
        """Let a person write, or send a file named ``text``. Return the MsgId."""

    async def begin_round(self, number: int, draw: random.Random) -> str:
        """Change how WeChat behaves. Return what is different in this round; empty for nothing."""
        return ""

    async def wait_for(self, stage: str) -> None:
        """Wait for one of ``stages``."""
        raise NotImplementedError(stage)

    @abstractmethod
    async def end_session(self, draw: random.Random, receiver: Receiver) -> None:
        """Make the client log in again."""

    async def calm_down(self) -> None:
        """Behave well from now on."""
        self.silent = frozenset()
        await self.post("faults/clear")

    @abstractmethod
    async def told(self) -> Told:
        """Return the records."""
