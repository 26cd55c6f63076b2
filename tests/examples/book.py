"""The examples of routes: what an example consists of, how it runs, and how its answer is compared."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec

from openwx.api.openapi.examples import Recorded
from openwx.simulator import Account, Fault, Group, Person
from openwx.simulator.media import PNG
from openwx.store.base import JournalError
from openwx.store.sqlite.journal import SQLiteJournal
from tests.functional.world import Gateway, World
from tests.memory_wechat import MemoryAccount
from tests.reply import Reply

STYLES = ("query", "form", "json", "multipart")
"""The ways to send parameters."""

SHOWN_HEADERS = ("Retry-After", "ETag", "Cache-Control", "WWW-Authenticate", "X-Openwx-Last-Id")
"""The response headers that an example shows."""


@dataclass
class Scene:
    """The gateway against which examples run, and the placeholders for its ids."""

    world: World
    gateway: Gateway
    words: dict[str, str] = field(default_factory=dict)
    """The values of ``{NAME}`` in parameters; friends and groups are also found by their names."""
    elsewhere: MemoryAccount | None = None
    """The account, where it is on a transport in memory and not at the simulator."""
    afterwards: AsyncExitStack = field(default_factory=AsyncExitStack)
    """Clean-up after the example."""

    @property
    def account(self) -> Account:
        return self.world.account

    def friend(self) -> Person:
        """Return 小灰, the friend of most examples."""
        return self.account.friend("小灰")

    def own_group(self) -> Group:
        return self.account.group("PERL学习交流")

    def id_of(self, chat: Person | Group) -> str:
        assert self.account.session is not None
        return self.account.session.id_of(chat)

    def word(self, name: str) -> str:
        if name in self.words:
            return self.words[name]
        if name == "me":
            return self.id_of(self.account.owner)
        if name == "stranger":
            return self.id_of(self.a_stranger())
        groups = [group for group in self.account.groups if group.name == name]
        return self.id_of(groups[0] if groups else self.account.friend(name))

    def a_stranger(self) -> Person:
        """Find a group member that is no friend."""
        others = [member for group in self.account.groups for member in group.others]
        return next(member.person for member in others if not member.person.is_friend)

    def filled(self, text: str) -> str:
        return re.sub(r"\{([^{}]+)\}", lambda found: self.word(found[1]), text)


Act = Callable[[Scene], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Example:
    """One call of a route. A success runs in all styles, a failure in one."""

    about: str
    params: Mapping[str, str] = field(default_factory=dict)
    code: int = 0
    status: int = 200
    given: Act | None = None
    """Prepares the scene before the call."""
    meanwhile: Act | None = None
    """Runs while the caller waits."""
    headers: Mapping[str, str] = field(default_factory=dict)
    file: str = ""
    """The file name of a part ``media``."""
    body: tuple[str, bytes | Callable[[], AsyncIterator[bytes]]] | None = None
    """A body in none of the styles: its Content-Type, and its bytes or chunks."""
    ask: "Ask | None" = None
    """Makes the call where that is more than one request and answer."""
    place: str = "running"
    """The name of its place (``places.py``)."""

    @property
    def styles(self) -> tuple[str, ...]:
        if self.file:
            return ("multipart",)
        plain = self.code == 0 and self.body is None and self.ask is None
        return STYLES if plain else ("query",)


Ask = Callable[[Scene, Mapping[str, str], Mapping[str, str]], Awaitable[Reply]]
"""Calls the route with parameters and headers."""
Topic = dict[str, list[Example]]
"""The examples of one file, by route name."""


async def play(scene: Scene, route: str, example: Example, style: str) -> Recorded:
    """Call the route as the example says, and check status and code. Returns the recorded call."""
    async with AsyncExitStack() as scene.afterwards:
        if example.given is not None:
            await example.given(scene)
        call = {name: scene.filled(value) for name, value in example.params.items()}
        headers = {name: scene.filled(value) for name, value in example.headers.items()}
        asking = asyncio.ensure_future(
            example.ask(scene, call, headers)
            if example.ask is not None
            else _ask(scene.gateway, route, example, style, call, headers)
        )
        if example.meanwhile is not None:
            await example.meanwhile(scene)
        reply = await asking
    scene.world.simulator.faults.clear()
    shown = f"{route}, {example.about}, {style}: {reply.status} {reply.body[:300]!r}"
    assert reply.status == example.status, shown
    kind = reply.headers.get("Content-Type", "")
    answer = reply.json if kind.startswith("application/json") and reply.body else None
    if kind.startswith("text/"):
        answer = reply.body.decode()
    if isinstance(answer, dict):
        assert answer.get("code", 0) == example.code, shown
    came = {name.lower(): value for name, value in reply.headers.items()}
    told = {name: came[name.lower()] for name in SHOWN_HEADERS if name.lower() in came}
    return Recorded(
        example.about,
        reply.status,
        call,
        file=example.file,
        headers=headers,
        told=told,
        answer=answer,
    )


async def _ask(
    gateway: Gateway,
    route: str,
    example: Example,
    style: str,
    call: dict[str, str],
    headers: dict[str, str],
) -> Reply:
    if example.body is not None:
        kind, made = example.body
        body = made if isinstance(made, bytes) else made()
        return await gateway.call(
            route, method="POST", params=call, data=body, headers={**headers, "Content-Type": kind}
        )
    if style == "query":
        return await gateway.call(route, params=call, headers=headers)
    if style == "form":
        return await gateway.call(route, method="POST", data=call, headers=headers)
    if style == "json":
        data = msgspec.json.encode(call)
        headers = {**headers, "Content-Type": "application/json"}
        return await gateway.call(route, method="POST", data=data, headers=headers)
    form = aiohttp.MultipartWriter("form-data")
    for name, value in call.items():
        form.append(value).set_content_disposition("form-data", name=name)
    if example.file:
        part = form.append(PNG, {"Content-Type": "image/png"})
        part.set_content_disposition("form-data", name="media", filename=example.file)
    if not len(form):
        form.append("0").set_content_disposition("form-data", name="_")
    return await gateway.call(route, method="POST", data=form, headers=headers)


# -- conditions before a call ----------------------------------------------------------------------------


def refuses(call: str, ret: int = 1, errmsg: str = "") -> Act:
    """Let WeChat refuse one of its calls."""

    async def given(scene: Scene) -> None:
        scene.world.simulator.faults.add(call, Fault.RET, ret=ret, errmsg=errmsg)

    return given


def fails(call: str, fault: Fault) -> Act:
    async def given(scene: Scene) -> None:
        scene.world.simulator.faults.add(call, fault)

    return given


async def wechat_is_away(scene: Scene) -> None:
    """Make WeChat unreachable."""
    await scene.world.simulator.close()
    scene.afterwards.push_async_callback(scene.gateway.reaches, "running")
    scene.afterwards.push_async_callback(scene.world.simulator.start)


def journal_fails(method: str, why: str) -> Act:
    """Let a method of the journal fail, such as ``write`` or ``body_of``."""

    async def given(scene: Scene) -> None:
        async def fail(*_: object) -> None:
            raise JournalError(f"the journal failed: {why}")

        scene.afterwards.callback(setattr, SQLiteJournal, method, getattr(SQLiteJournal, method))
        setattr(SQLiteJournal, method, fail)

    return given


def both(*acts: Act) -> Act:
    async def given(scene: Scene) -> None:
        for act in acts:
            await act(scene)

    return given


the_disk_is_full = both(
    *(journal_fails(method, "database or disk is full") for method in ("write", "save_account"))
)


# -- comparison of two answers ---------------------------------------------------------------------------

_IDS = re.compile(
    r"@{1,2}[0-9A-Za-z_-]{8,}|(?<=delivery )\d+|(?<=client\()\d+|(?<=\nid: )\d+"
    r"|[0-9a-f]{16,}|\d{4,}|[0-9A-Za-z+/\n]{60,}=*"
)
_TOLD_NUMBERS = frozenset({"code", "ret", "count", "http_status", "member_count", "media_code"})
_OF_THE_MACHINE = frozenset({"version", "os"})


def shape(value: Any, words: Mapping[str, str], name: str = "") -> Any:
    """Remove from a value what differs between runs: ids, times, process numbers, paths."""
    if isinstance(value, dict):
        return {key: shape(one, words, key) for key, one in value.items()}
    if isinstance(value, list):
        return [shape(one, words, name) for one in value]
    if isinstance(value, str):
        if name in _OF_THE_MACHINE:
            return name
        if value in words.values():
            return "a word of the scene"
        return (
            "…"
            if name in ("id", "after", "before", "X-Openwx-Last-Id", "Last-Event-ID", "Retry-After")
            else _IDS.sub("…", value)
        )
    if isinstance(value, bool) or value is None or name in _TOLD_NUMBERS:
        return value
    return type(value).__name__


def as_recorded(value: Any, replaced: Mapping[str, str]) -> Any:
    """Replace the paths of this machine by those of an example machine."""
    data = msgspec.json.encode(value).decode()
    for here, there in replaced.items():
        data = data.replace(here, there)
    return msgspec.json.decode(data)
