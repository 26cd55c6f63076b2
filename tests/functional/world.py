"""The world of the functional tests: the real server on a real port between a simulated WeChat and a backend.

Nobody sleeps here: everything waits for a condition, and says what it missed when the time is over.
"""

import asyncio
import contextlib
import errno
import os
import re
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from msgspec.structs import replace

from openwx import testing
from openwx.config import AccountSettings, Listen, ReportSettings, Settings
from openwx.config.models import Media
from openwx.simulator import Account, Simulator
from openwx.timing import Timing
from openwx.transports.base import TransportFactory
from tests.forked import Forked
from tests.memory import MemoryTransports
from tests.patience import PATIENCE_S, until, until_seen
from tests.reply import Reply

Json = dict[str, Any]

PACE = testing.PACE
ALL_EVENTS = testing.ALL_EVENTS
NO_EVENTS = {"post_event": False}
"""For ``[report]``: messages alone."""


# -- the backend -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PostedReport:
    """One POST to ``post_api``, as it came."""

    json: Json
    body: bytes
    headers: dict[str, str]
    query: dict[str, str]

    @property
    def webhook_id(self) -> str:
        return self.headers["webhook-id"]

    def fits(self, **fields: Any) -> bool:
        """Whether its JSON has all of these values."""
        return all(name in self.json and self.json[name] == value for name, value in fields.items())


Behaviour = Callable[[PostedReport], Awaitable[web.StreamResponse]]


def answers(status: int = 200, **headers: str) -> Behaviour:
    """Answer without a body."""

    async def answer(_: PostedReport) -> web.StreamResponse:
        return web.Response(status=status, headers=headers)

    return answer


def says(body: object, *, content_type: str = "application/json", status: int = 200) -> Behaviour:
    """Answer with a body as it is (bytes or text), or as JSON."""
    data = body if isinstance(body, bytes) else None
    if data is None:
        data = body.encode() if isinstance(body, str) else msgspec.json.encode(body)

    async def answer(_: PostedReport) -> web.StreamResponse:
        return web.Response(body=data, status=status, headers={"Content-Type": content_type})

    return answer


def replies(text: str) -> Behaviour:
    """``{"reply": text}``."""
    return says({"reply": text})


def never_answers() -> Behaviour:
    """Keep the connection open, and answer nothing."""

    async def answer(_: PostedReport) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    return answer


@dataclass
class _Rule:
    fields: Json
    behaviour: Behaviour
    times: int | None


class Receiver:
    """A ``post_api``: records reports, and answers an empty 200 unless a rule says otherwise."""

    def __init__(self) -> None:
        self.reports: list[PostedReport] = []
        """All that came, oldest first, also what was refused or never answered."""
        self.answered: list[PostedReport] = []
        """Those among them that got an answer of 2xx."""
        self.port = 0
        self._rules: list[_Rule] = []
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/post_api"

    # What it does

    def behaves(self, behaviour: Behaviour, *, times: int | None = None, **fields: Any) -> None:
        """Answer reports with these fields so, the next ``times`` or always. The oldest rule that fits counts."""
        self._rules.append(_Rule(fields, behaviour, times))

    def fails(self, times: int | None = None, *, status: int = 500, **fields: Any) -> None:
        self.behaves(answers(status), times=times, **fields)

    def behaves_well(self) -> None:
        """Forget all rules."""
        self._rules.clear()

    async def start(self) -> None:
        """Listen, where it listened before if it did."""
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await self._runner.setup()
        async with asyncio.timeout(PATIENCE_S):
            while not self._runner.addresses:
                await self._listen(self._runner)
        self.port = self._runner.addresses[0][1]

    async def _listen(self, runner: web.AppRunner) -> None:
        """Listen, unless a connection of another program has the port for the moment."""
        try:
            await web.TCPSite(runner, "127.0.0.1", self.port, reuse_address=True).start()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """From now on connections are refused."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    # What came

    def got(self, **fields: Any) -> list[Json]:
        """Return the reports so far that have these values."""
        return [report.json for report in self.reports if report.fits(**fields)]

    def events(self, *names: str) -> list[tuple[str, list[Any]]]:
        """Return the events so far, as name and parameters; all of them where no name is given."""
        return [
            (json["event"], json["params"])
            for json in self.got(post_type="event")
            if not names or json["event"] in names
        ]

    def forget(self) -> None:
        """Forget all reports so far."""
        self.reports.clear()
        self.answered.clear()

    async def gets(self, n: int = 1, *, timeout_s: float = PATIENCE_S, **fields: Any) -> list[Json]:
        """Wait for ``n`` reports with these values, and return them."""

        def enough() -> bool:
            return len(self.got(**fields)) >= n

        await self.until(enough, f"{n} uploads with {fields}", timeout_s)
        return self.got(**fields)[:n]

    async def get(self, **fields: Any) -> Json:
        """Wait for the first report with these values."""
        return (await self.gets(1, **fields))[0]

    async def get_event(self, name: str, n: int = 1) -> list[Any]:
        """Wait for the ``n``-th event of that name; its parameters."""
        params = (await self.gets(n, event=name))[n - 1]["params"]
        assert isinstance(params, list)
        return params

    async def until(
        self, condition: Callable[[], object], what: str = "that", timeout_s: float = PATIENCE_S
    ) -> None:
        """Wait for a condition on what came."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            came = "\n".join(str(report.json)[:300] for report in self.reports)
            raise AssertionError(
                f"{what} did not come within {timeout_s} s; there are:\n{came}"
            ) from None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        report = PostedReport(
            msgspec.json.decode(body) if body else {},
            body,
            {name.lower(): value for name, value in request.headers.items()},
            dict(request.query),
        )
        await self._note(self.reports, report)
        response = await self._behaviour(report)(report)
        if 200 <= response.status < 300:
            await self._note(self.answered, report)
        return response

    def _behaviour(self, report: PostedReport) -> Behaviour:
        for rule in self._rules:
            if report.fits(**rule.fields):
                if rule.times is not None:
                    rule.times -= 1
                    if rule.times == 0:
                        self._rules.remove(rule)
                return rule.behaviour
        return answers(200)

    async def _note(self, kept: list[PostedReport], report: PostedReport) -> None:
        async with self._changed:
            kept.append(report)
            self._changed.notify_all()


# -- the gateway -----------------------------------------------------------------------------------------


class Api:
    """The HTTP API at an address."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url = url
        self._http = http
        self.noticed: list[Json] = []
        """What ``reaches`` took out of ``check_event`` on its way."""

    async def call(self, name: str, /, *, method: str = "GET", **request: Any) -> Reply:
        async with self._http.request(method, f"{self.url}/openwx/{name}", **request) as response:
            return Reply(response.status, await response.read(), dict(response.headers))

    async def get(self, name: str, /, **params: str) -> Reply:
        """With a query."""
        return await self.call(name, params=params)

    async def post(self, name: str, /, **form: str) -> Reply:
        """With a form."""
        return await self.call(name, method="POST", data=form)

    async def post_json(self, name: str, /, **members: Any) -> Reply:
        body = msgspec.json.encode(members)
        return await self.call(
            name, method="POST", data=body, headers={"Content-Type": "application/json"}
        )

    async def post_parts(self, name: str, /, **parts: str) -> Reply:
        """With multipart/form-data."""
        form = aiohttp.MultipartWriter("form-data")
        for key, value in parts.items():
            form.append(value).set_content_disposition("form-data", name=key)
        return await self.call(name, method="POST", data=form)

    async def drain(self) -> list[Json]:
        """Return the present answer of ``check_event``."""
        taken: list[Json] = (await self.get("check_event", timeout="0")).json
        return taken

    async def client(self) -> Json:
        """Return the first account of ``check_client``."""
        clients = (await self.get("check_client")).json["client"]
        assert isinstance(clients[0], dict)
        return clients[0]

    async def has_reason(self, code: str) -> Json:
        """Wait until the first account is in its state for this reason: a reason alone is no event."""
        return await until_seen(self.client, lambda client: client["reason_code"] == code)

    async def reaches(self, state: str, timeout_s: float = PATIENCE_S) -> Json:
        """Wait until the only account is in this state. Takes what ``check_event`` has."""
        deadline = time.monotonic() + timeout_s
        while (client := await self.client())["state"] != state:
            left_s = deadline - time.monotonic()
            assert left_s > 0, f"not {state} within {timeout_s} s but {client}; {self.noticed[-5:]}"
            # Where state changes are no events, nothing wakes us.
            self.noticed += (await self.get("check_event", timeout="0.2")).json
        return client


class Gateway(Api, testing.Gateway):
    """A server in this process. ``stop`` ends it as SIGTERM does."""

    def __init__(
        self,
        settings: Settings,
        pace: Timing,
        http: aiohttp.ClientSession,
        transports: TransportFactory | None = None,
    ) -> None:
        Api.__init__(self, "", http)
        testing.Gateway.__init__(self, settings, pace, transports)

    async def reaches(self, state: str, timeout_s: float = PATIENCE_S) -> Json:
        """As at any address, but look at the account itself: calls take most of the time of a start."""
        assert self.service is not None
        account, *_ = self.service.gateway.accounts.values()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                if account.state != state:
                    await until(lambda: account.state == state)
                    self.noticed += await self.drain()
        return await super().reaches(state, timeout_s)

    async def notices_login(self) -> None:
        """Wait until the events of the login are published, which is a moment after the account runs."""
        if "state_change" not in self.settings.report_for("default").post_event_list:
            return
        async with asyncio.timeout(PATIENCE_S):
            while not any(event.get("params", [])[1:] == ["running"] for event in self.noticed):
                self.noticed += (await self.get("check_event", timeout="5")).json

    async def queues(self, n: int) -> None:
        """Wait until so many sends wait or are on their way."""
        assert self.service is not None
        queue = self.service.gateway.account(None).outgoing.queue
        await until(lambda: len(queue) == n)


@dataclass
class World:
    """Everything a test starts, in one folder: gateways one after the other find what the former left."""

    wechat: Simulator | MemoryTransports
    receiver: Receiver
    data_dir: Path
    http: aiohttp.ClientSession
    gateways: list[Gateway] = field(default_factory=list)

    @property
    def simulator(self) -> Simulator:
        assert isinstance(self.wechat, Simulator)
        return self.wechat

    @property
    def account(self) -> Account:
        return self.simulator.account()

    def settings(
        self, *, report: Json | None = None, media: Json | None = None, **account: Any
    ) -> Settings:
        """Make settings for one account; ``report`` overrides the usual ``[report]``, ``media`` is ``[media]``."""
        reporting = {
            "post_api": self.receiver.url,
            "post_event": True,
            "post_event_list": ALL_EVENTS,
        }
        own: Json = {"send_interval": 0}
        if isinstance(self.wechat, Simulator):
            own["base_url"] = self.wechat.url
        return Settings(
            data_dir=self.data_dir,
            show_messages=False,
            listen=[Listen(port=0)],
            media=Media.model_validate(media or {}),
            report=ReportSettings.model_validate(reporting | (report or {})),
            accounts={"default": AccountSettings.model_validate(own | account)},
        )

    async def start(
        self,
        *,
        settings: Settings | None = None,
        pace: Json | None = None,
        report: Json | None = None,
        media: Json | None = None,
        **account: Any,
    ) -> Gateway:
        """Start a gateway that is not logged in yet. ``pace`` overrides some of ``PACE``."""
        chosen = settings or self.settings(report=report, media=media, **account)
        transports = None if isinstance(self.wechat, Simulator) else self.wechat
        gateway = Gateway(chosen, replace(PACE, **(pace or {})), self.http, transports)
        self.gateways.append(gateway)
        await gateway.start()
        return gateway

    async def run(self, **how: Any) -> Gateway:
        """As ``start``, and log in with a scan of the code that the gateway shows."""
        gateway = await self.start(**how)
        if isinstance(self.wechat, Simulator):
            await gateway.reaches("scaning")
            await self.account.phone.logs_in()
        await gateway.reaches("running")
        await gateway.notices_login()
        return gateway

    async def close(self) -> None:
        self.receiver.behaves_well()
        for gateway in reversed(self.gateways):
            await gateway.stop()


# -- commands --------------------------------------------------------------------------------------------


_READ_AT_THE_START = re.compile("PYTHON|SSL_")
"""Variables of a process that is no fork: they count while Python starts and imports."""


class Command:
    """``openwx …`` in a process of its own, with nothing of our environment's settings."""

    def __init__(self, process: asyncio.subprocess.Process | Forked) -> None:
        self.process = process
        self.err = ""
        """What it wrote to stderr, as far as it was read."""

    @classmethod
    async def start(
        cls, *arguments: str, cwd: Path, program: str = "openwx", **environ: str
    ) -> "Command":
        """Start it as a fork where that is the same (``tests/forked.py``)."""
        if sys.platform != "linux" or any(map(_READ_AT_THE_START.match, environ)):
            return await cls.start_afresh(*arguments, cwd=cwd, program=program, **environ)
        env = _environ(cwd, environ)
        return cls(await Forked.start(program, *arguments, cwd=cwd, env=env, limit=2**24))

    @classmethod
    async def start_afresh(
        cls, *arguments: str, cwd: Path, program: str = "openwx", **environ: str
    ) -> "Command":
        """Start it in a new interpreter."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", program, *arguments,
            cwd=cwd,
            env=_environ(cwd, environ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=2**24,
        )  # fmt: skip
        return cls(process)

    async def says(self, pattern: str, timeout_s: float = PATIENCE_S) -> re.Match[str]:
        """Wait for a line on stderr that has this in it. The lines before it are kept in ``err``."""
        assert self.process.stderr is not None
        try:
            async with asyncio.timeout(timeout_s):
                while line := (await self.process.stderr.readline()).decode():
                    self.err += line
                    if found := re.search(pattern, line):
                        return found
        except TimeoutError:
            pass
        raise AssertionError(f"no {pattern!r} in:\n{self.err}")

    async def ends(self, timeout_s: float = PATIENCE_S) -> tuple[int, str, str]:
        """Wait for its end: exit code, stdout, stderr."""
        async with asyncio.timeout(timeout_s):
            out, err = await self.process.communicate()
        self.err += err.decode()
        assert self.process.returncode is not None
        return self.process.returncode, out.decode(), self.err

    async def url(self) -> str:
        """Where ``openwx serve`` listens, once it does."""
        return (await self.says(r"listens on (http://\S+?)/openwx/"))[1]

    async def kill(self) -> None:
        """Kill it at once, as the kernel would, if it still lives."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.communicate()


Start = Callable[..., Awaitable[Command]]
"""Starts ``openwx`` with these arguments and variables: the fixture ``openwx``."""


def _environ(home: Path, environ: dict[str, str]) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OPENWX_")}
    folders = {"XDG_CONFIG_HOME": str(home / "xdg"), "XDG_DATA_HOME": str(home / "xdg")}
    python = {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUTF8": "1"}
    return clean | {"HOME": str(home)} | folders | python | environ


def texts(reports: list[Json]) -> Iterator[str]:
    """Return the contents of messages."""
    return (str(report["content"]) for report in reports)
