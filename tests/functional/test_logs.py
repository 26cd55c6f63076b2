"""The log as JSON: each line is one object with its subject, and without secrets of the login."""

import json
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from openwx import logs
from openwx.logcontext import bind
from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.media import PNG

from . import quick
from .counting import shows
from .test_secrets import secrets_of
from .world import Gateway, Receiver, Start, World

Line = dict[str, Any]


class Log:
    """What was logged, as JSON."""

    def __init__(self) -> None:
        self.stream = StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(logs.JsonFormatter())

    @property
    def lines(self) -> list[Line]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def line(self, words: str) -> Line:
        """Return the first line with these words."""
        found = [line for line in self.lines if words in line["message"]]
        assert found, f"no {words!r} in {self.lines}"
        return found[0]

    def about(self, words: str) -> Line:
        """Return the further fields of that line."""
        usual = ("time", "level", "logger", "message")
        return {name: value for name, value in self.line(words).items() if name not in usual}


@contextmanager
def logged(level: int) -> Iterator[Log]:
    """Keep what is logged from this level on."""
    log = Log()
    logger = logging.getLogger("openwx")
    former = logger.level
    logger.addHandler(log.handler)
    logger.setLevel(level)
    yield log
    logger.removeHandler(log.handler)
    logger.setLevel(former)


@pytest.fixture
def log() -> Iterator[Log]:
    with logged(logging.DEBUG) as log:
        yield log


# -- what a line is about --------------------------------------------------------------------------------


async def test_lines_of_an_account_and_of_its_reports(
    log: Log, api: Gateway, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    assert log.about("updating → running") == {"account": "default", "event": "state_change"}
    receiver.fails(1, status=503, content="hi")
    account.friend("小灰").says("hi")
    await receiver.gets(2, content="hi")
    (report, _) = (one for one in receiver.reports if one.fits(content="hi"))
    wanted = {"account": "default", "webhook_id": report.webhook_id, "event": "receive_message"}
    assert log.about("no answer, tried again") == wanted | {"target": "post_api"}
    simulator.faults.add("webwxgetmsgimg", Fault.EMPTY)
    account.friend("小灰").sends_image(PNG)
    await receiver.get(format="media")
    (file,) = (one for one in receiver.reports if one.fits(format="media"))
    wanted |= {"webhook_id": file.webhook_id, "dropped": "medium"}
    assert log.about("0 bytes") == wanted


async def test_lines_of_calls_and_of_sends(
    log: Log, api: Gateway, receiver: Receiver, simulator: Simulator
) -> None:
    simulator.faults.add("webwxsendmsg", Fault.DROP, times=1)
    assert (await api.get("send_friend_message", id="filehelper", content="x")).code == 0
    report = (await receiver.gets(post_type="send_message"))[0]
    wanted = {"account": "default", "webhook_id": f"msg_{report['uid']}"}
    assert log.about("a send failed") == wanted
    await api.get("outbox_retry", id="all")
    assert log.about("deliveries are sent again") == {
        "account": "default",
        "route": "outbox_retry",
        "key": "anonymous",
    }


async def test_an_account_does_not_stay_about_the_call_that_started_it(
    log: Log, world: World, simulator: Simulator, account: Account
) -> None:
    second = simulator.add_account("second", friends=3, groups=1)
    gateway = await world.run()
    base_url = {"base_url": simulator.url, "post_api": world.receiver.url}
    assert (await gateway.get("start_client", client="second", **base_url)).code == 0
    await second.phone.logs_in()
    await shows(gateway, 1, "openwx_account_state", account="second", state="running")
    assert log.about("second: updating → running") == {"account": "second", "event": "state_change"}


async def test_a_bug_is_one_line_with_its_traceback(
    log: Log, api: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("first line\nsecond line: skey=@crypt_secret pass_ticket=secret")

    assert api.service is not None
    account = api.service.gateway.account(None)
    monkeypatch.setattr(type(account), "contacts", property(broken))
    assert (await api.get("get_friend_info")).status == 500
    line = log.line("get_friend_info failed")
    assert (line["route"], line["level"]) == ("get_friend_info", "error")
    assert "Traceback" in line["exception"]
    assert "first line\nsecond line: skey=*** pass_ticket=***" in line["exception"]
    assert "crypt_secret" not in log.stream.getvalue()


# -- the lines themselves --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["a\nb", "a\r\nb", "a\u2028b", "a\x85b", "\x1b[31mred", "\x9b31mred", "\ud83d half", "😀\x00"],
)
def test_whatever_is_logged_is_one_line_of_utf_8(
    log: Log, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pytest keeps what it hears, and cannot hand half a character to another process.
    monkeypatch.setattr(logging.getLogger("openwx"), "propagate", False)
    with bind(account="default"):
        logging.getLogger("openwx.test").warning("%s", text)
    written = log.stream.getvalue()
    assert len(written.splitlines()) == 1
    assert written.encode("utf-8")
    assert not any(0x7F <= ord(c) < 0xA0 or ord(c) < 0x20 for c in written.rstrip("\n"))
    assert log.lines[0]["message"] == text
    assert log.lines[0]["account"] == "default"


@pytest.mark.parametrize(
    ("logger", "text", "line"),
    [
        ("openwx.wechat", "login failed", "warning: work: login failed"),
        ("openwx.wechat", "work: calls come too often", "warning: work: calls come too often"),
        ("openwx.audit", "backup: code 0", "warning: backup: code 0"),
    ],
)
def test_a_line_for_a_person_names_its_account(logger: str, text: str, line: str) -> None:
    formatter = logs.ConsoleFormatter("%(mark)s%(message)s")
    record = logging.LogRecord(logger, logging.WARNING, "", 0, "%s", (text,), None)
    with bind(account="work"):
        assert formatter.format(record) == line
    assert formatter.format(record) == f"warning: {text}"


def test_what_it_is_about_ends_with_its_block(log: Log) -> None:
    logger = logging.getLogger("openwx.test")
    with bind(account="a", route="r"):
        with bind(account="b"):
            logger.info("inner")
        logger.info("outer")
    logger.info("outside")
    assert log.about("inner") == {"account": "b", "route": "r"}
    assert log.about("outer") == {"account": "a", "route": "r"}
    assert log.about("outside") == {}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /x?skey=%40crypt_1&lang=zh", "GET /x?skey=***&lang=zh"),
        ('{"Sid": "abc+/=", "Uin": 1}', '{"Sid": "***", "Uin": 1}'),
        ("pass_ticket=a%2Bb; wxsid=c", "pass_ticket=***; wxsid=***"),
        ("webwx_data_ticket: xyz,", "webwx_data_ticket: ***,"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("http://h/openwx/x?a=1&token=s3cr3t", "http://h/openwx/x?a=1&token=***"),
        ("post_api http://bot:pass@host/x", "post_api http://***@host/x"),
        ("the token is wrong; a@b.c says: inside", "the token is wrong; a@b.c says: inside"),
    ],
)
def test_what_would_open_an_account_is_masked(text: str, shown: str) -> None:
    assert logs.masked(text) == shown
    for formatter in (logs.JsonFormatter(), logs.ConsoleFormatter("%(message)s")):
        record = logging.LogRecord("openwx", logging.INFO, "", 0, "%s", (text,), None)
        formatted = formatter.format(record)
        answer = json.loads(formatted)["message"] if formatted.startswith('{"time') else formatted
        assert answer == shown


async def test_a_whole_life_in_a_process_of_its_own(
    openwx: Start, simulator: Simulator, account: Account, receiver: Receiver, tmp_path: Path
) -> None:
    """With all that is logged at all, and trouble at every call: lines of JSON, and no secret in them."""
    token = "a-token-that-nobody-may-see"
    serve = await openwx(
        "serve",
        program=quick.PROGRAM,
        OPENWX_LISTEN__PORT="0",
        OPENWX_LOG_LEVEL="debug",
        OPENWX_LOG_FORMAT="json",
        OPENWX_DATA_DIR=str(tmp_path / "data"),
        OPENWX_ACCESS__TOKEN=token,
        OPENWX_ACCOUNTS__DEFAULT__BASE_URL=simulator.url,
        OPENWX_ACCOUNTS__DEFAULT__SEND_INTERVAL="0",
        OPENWX_REPORT__SECRET="a-signing-secret-that-nobody-may-see",
        OPENWX_REPORT__POST_API=receiver.url.replace("://", "://bot:a-password-in-the-address@"),
    )
    url = await serve.url()
    await account.phone.logs_in()
    await serve.says("updating → running")
    secrets = secrets_of(account)
    for fault in (Fault.DROP, Fault.GARBAGE, Fault.SERVER_ERROR, Fault.TRUNCATE):
        for call in ("webwxsync", "webwxsendmsg", "webwxgetmsgimg"):
            simulator.faults.add(call, fault, times=1)
        account.friend("小灰").says("hi")
        account.friend("小灰").sends_image(PNG)
        params = {"id": "filehelper", "content": "x", "token": token}
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{url}/openwx/send_friend_message", params=params) as answer,
        ):
            assert answer.status == 200
    await receiver.gets(4, format="media")
    serve.process.send_signal(signal.SIGTERM)
    code, _, err = await serve.ends(30)
    assert code == 0
    lines = [json.loads(line) for line in err.splitlines()]
    assert {line["account"] for line in lines if "account" in line} == {"default"}
    assert len(lines) > 20
    for name, secret in secrets.items():
        assert secret not in err, name
