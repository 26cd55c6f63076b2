"""Backends as they are: they close without a word, redirect, have own certificates, calculate, reply in vain."""

import asyncio
import itertools
import logging
import os
import ssl
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
from aiohttp import web
from yarl import URL

from openwx.client import verify
from openwx.simulator import Account
from openwx.simulator.media import PNG
from tests.patience import PATIENCE_S, until, until_seen
from tests.served import served

from .counting import Counts
from .typed import Typed
from .world import (
    NO_EVENTS,
    Api,
    Behaviour,
    Command,
    Gateway,
    Json,
    PostedReport,
    Receiver,
    World,
    answers,
    never_answers,
    replies,
    says,
)


def closes(said: bytes = b"") -> Behaviour:
    """Take the POST, send these bytes, which are no HTTP, and close."""

    async def answer(_: PostedReport) -> web.StreamResponse:
        return _Closing(said)

    return answer


class _Closing(web.Response):
    def __init__(self, said: bytes) -> None:
        super().__init__()
        self._said = said

    async def prepare(self, request: web.BaseRequest) -> None:
        assert request.transport is not None
        request.transport.write(self._said)
        request.transport.close()
        raise ConnectionResetError


def moves(location: str, status: int = 307) -> Behaviour:
    async def answer(_: PostedReport) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": location})

    return answer


def came(receiver: Receiver) -> list[str]:
    return [report.json["content"] for report in receiver.reports if "content" in report.json]


# -- no answer ---------------------------------------------------------------------------------------------------------


HANGS = never_answers()


CLOSES = [closes(), closes(b"hello?\r\n\r\n"), closes(b"\x16\x03\x01")]


@pytest.mark.parametrize(
    ("behaviour", "tries"), [*itertools.product(CLOSES, [None, 1]), (HANGS, 2), (HANGS, 1)]
)
async def test_a_backend_without_a_word_stops_its_chat_for_so_many_tries(
    world: World, account: Account, receiver: Receiver, behaviour: Behaviour, tries: int | None
) -> None:
    own = {} if tries is None else {"tries": tries}
    # The other answers must come in this time, too.
    gateway = await world.run(report={**NO_EVENTS, "timeout": 2.0}, **own)
    receiver.behaves(behaviour, content="bad")
    friend, other = account.friend("小灰"), account.friend("momo")
    friend.says("bad")
    friend.says("next")
    other.says("other")
    await receiver.get(content="next")
    await receiver.get(content="other")
    assert Counter(came(receiver)) == {"bad": tries or 5, "next": 1, "other": 1}
    (failed,) = (await gateway.get("outbox")).json["deliveries"]
    assert (failed["tries"], failed["http_status"]) == (tries or 5, 0)
    assert failed["error"]
    assert gateway.service is not None
    assert gateway.service.gateway.account(None).outages == {}


async def test_a_proxy_that_accepts_and_closes_for_a_while_loses_nothing(
    world: World, account: Account, receiver: Receiver
) -> None:
    gateway = await world.run(report=NO_EVENTS)
    for number, friend in enumerate(account.friends[:10]):
        receiver.behaves(closes(), times=4, content=f"from {number}")
        friend.says(f"from {number}")
    await receiver.until(lambda: len(receiver.reports) == 50, "all")
    await until_seen(lambda: waiting(gateway), lambda listed: not listed)
    assert Counter(came(receiver)) == {f"from {number}": 5 for number in range(10)}
    assert (await gateway.get("outbox")).json["deliveries"] == []


# -- redirects ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_followed_with_the_message(
    world: World, account: Account, receiver: Receiver, status: int
) -> None:
    await world.run(report={**NO_EVENTS, "secret": "s3cret"})
    receiver.behaves(moves(f"{receiver.url}/?there=1", status), times=1, content="question")
    receiver.behaves(replies("answer"), content="question")
    friend = account.friend("小灰")
    friend.says("question")
    assert await friend.hears_text() == "answer"
    first, second = receiver.reports
    assert (first.query, second.query) == ({}, {"there": "1"})
    assert (first.body, first.webhook_id) == (second.body, second.webhook_id)
    for report in (first, second):
        verify("s3cret", report.headers, report.body)


async def test_a_redirect_to_another_host_is_named(
    world: World, account: Account, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await world.run(report=NO_EVENTS)
    receiver.behaves(moves("https://login.example/?back=s3cret"), content="hi")
    account.friend("小灰").says("hi")
    friend = account.friend("小灰")
    friend.says("next")
    await receiver.get(content="next")
    (failed,) = (await gateway.get("outbox")).json["deliveries"]
    wanted = "HTTP 307 to another host, which is not followed: https://login.example/?***"
    assert (failed["http_status"], failed["error"]) == (307, wanted)
    assert failed["error_code"] == "redirect_to_other_host"
    assert wanted in caplog.text
    assert "s3cret" not in caplog.text


# -- certificates ------------------------------------------------------------------------------------------------------


class Secure:
    """A receiver behind https, whose certificate an authority of its own vouches for."""

    def __init__(self, receiver: Receiver, folder: Path) -> None:
        self.receiver = receiver
        self.ca = folder / "ca.pem"
        authority = trustme.CA()
        self.certificate = authority.issue_cert("127.0.0.1", "localhost")
        self.ca.write_bytes("# 我们自己的证书\n".encode() + authority.cert_pem.bytes())
        self.url = ""
        self.polled = asyncio.Event()

    async def poll(self, _: web.Request) -> web.Response:
        self.polled.set()
        return web.Response()


@pytest.fixture
async def secure(receiver: Receiver, tmp_path: Path) -> AsyncIterator[Secure]:
    made = Secure(receiver, tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.certificate.configure_cert(tls)
    answers = {"/post_api": receiver._answer, "/poll": made.poll}
    async with served(answers, tls=tls) as made.url:
        yield made


@pytest.mark.parametrize("by", ["ca", "verify"])
async def test_a_certificate_of_ones_own_is_trusted(
    world: World, account: Account, receiver: Receiver, secure: Secure, by: str
) -> None:
    trust = {"ca": str(secure.ca)} if by == "ca" else {"verify": False}
    await world.run(
        report={
            **NO_EVENTS,
            **trust,
            "post_api": f"{secure.url}/post_api",
            "poll_api": f"{secure.url}/poll",
        }
    )
    account.friend("小灰").says("hi")
    await receiver.get(content="hi")
    async with asyncio.timeout(PATIENCE_S):
        await secure.polled.wait()


async def test_an_account_trusts_for_itself(
    world: World, account: Account, receiver: Receiver, secure: Secure
) -> None:
    await world.run(report={**NO_EVENTS, "post_api": f"{secure.url}/post_api"}, ca=str(secure.ca))
    account.friend("小灰").says("hi")
    await receiver.get(content="hi")


async def test_from_http_to_https_on_the_same_host(
    world: World, account: Account, receiver: Receiver, secure: Secure
) -> None:
    await world.run(report={**NO_EVENTS, "ca": str(secure.ca)})
    receiver.behaves(moves(f"{secure.url}/post_api"), times=1)
    account.friend("小灰").says("hi")
    await receiver.until(lambda: receiver.answered, "an upload over https")
    assert len(receiver.reports) == 2


async def test_an_untrusted_certificate_is_explained(
    world: World, account: Account, receiver: Receiver, secure: Secure
) -> None:
    gateway = await world.run(
        report={**NO_EVENTS, "post_api": f"{secure.url}/post_api"}, pace={"finish_s": 0.3}
    )
    account.friend("小灰").says("hi")
    waiting: list[dict[str, object]] = []
    async with asyncio.timeout(PATIENCE_S):
        while not waiting or not waiting[0]["error"]:
            waiting = (await gateway.get("outbox", state="waiting")).json["deliveries"]
    error = str(waiting[0]["error"])
    assert error.startswith(f"the certificate of 127.0.0.1:{URL(secure.url).port} is not trusted")
    assert "report.ca" in error
    assert "report.verify = false" in error
    assert receiver.reports == []


@pytest.mark.parametrize(
    ("trust", "words"),
    [
        (True, "answers within"),
        (False, "report.ca to a file of trusted certificates, or report.verify = false"),
    ],
)
async def test_doctor_trusts_the_same(
    typed: Typed, world: World, secure: Secure, trust: bool, words: str
) -> None:
    _, out, _ = await typed(
        "doctor",
        OPENWX_LISTEN__PORT="0",
        OPENWX_REPORT__POST_API=f"{secure.url}/post_api",
        OPENWX_ACCOUNTS__DEFAULT__BASE_URL=world.simulator.url,
        **({"OPENWX_REPORT__CA": str(secure.ca)} if trust else {}),
    )
    about = out[out.index("post_api") :]
    assert words in about, out


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "there is no such file"),
        (b"", "it contains no readable certificate"),
        (b"no certificate at all", "it contains no readable certificate"),
        (
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "it contains no readable certificate",
        ),
    ],
)
async def test_check_config_says_what_is_wrong_with_the_file(
    typed: Typed, tmp_path: Path, content: bytes | None, why: str
) -> None:
    file = tmp_path / "mine.pem"
    if content is not None:
        file.write_bytes(content)
    (tmp_path / "config.toml").write_text('[report]\nca = "mine.pem"\n', encoding="utf-8")
    code, _, err = await typed("check-config")
    assert code == 2
    (line,) = err.splitlines()
    assert "report.ca must be the path of a PEM file with certificates, not " in line
    assert why in line


async def test_a_caller_learns_of_no_file(api: Gateway, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("no certificate")
    found = set()
    for name in ("there", "not-there", "."):
        reply = await api.get("start_client", client="new", ca=str(tmp_path / name))
        assert (reply.status, reply.code) == (400, -2)
        found.add(reply.words)
    assert found == {"ca must be the path of a PEM file with certificates"}


# -- numbers -----------------------------------------------------------------------------------------------------------


async def test_numbers_for_backends_that_calculate(
    world: World, account: Account, receiver: Receiver
) -> None:
    gateway = await world.run(report={**NO_EVENTS, "numbers": True, "secret": "s3cret"})
    await gateway.drain()
    account.friend("小灰").sends_image(PNG)
    shown = await receiver.get(format="media")
    for name in ("time", "media_size", "media_mtime", "media_code"):
        assert type(shown[name]) is int, name
    assert shown["media_size"] == len(PNG)
    assert shown["media_data"]
    report = receiver.reports[0]
    verify("s3cret", report.headers, report.body)
    (seen,) = await gateway.drain()
    for name in ("time", "media_size", "media_mtime", "media_code"):
        assert seen[name] == str(shown[name])
        seen[name] = shown[name]
    assert seen == {name: value for name, value in shown.items() if name in seen}


async def test_strings_without_it(api: Gateway, account: Account, receiver: Receiver) -> None:
    account.friend("小灰").sends_image(PNG)
    shown = await receiver.get(format="media")
    for name in ("time", "media_size", "media_mtime", "media_code"):
        assert type(shown[name]) is str, name


# -- replies that cannot be used ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (says({"reply": "x"}, content_type="text/html"), "its Content-Type is text/html, not application/json"),
        (says({"media": "x"}, content_type="text/plain"), "its Content-Type is text/plain"),
        (says("reply=x", content_type="text/plain"), "its Content-Type is text/plain"),
        (says("{'reply': 'x'}"), "the answer is ignored: JSON is malformed"),
        (says('{"reply": "x"'), "the answer is ignored: "),
        (says(b'{"reply": "\xff"}'), "the answer is ignored: it is not UTF-8"),
        (says({"reply": [{}]}), "reply[0] in the answer is ignored: it must be a string"),
        (says({"reply": {"text": "x"}}), "reply in the answer is ignored: it must be a string"),
        (says({"media": 7}), "media in the answer is ignored: it must be a string"),
    ],
)  # fmt: skip
async def test_it_is_said_once_an_hour_and_counted(
    api: Gateway,
    account: Account,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
    behaviour: Behaviour,
    words: str,
) -> None:
    counts = await Counts.begin(api)
    receiver.behaves(behaviour, post_type="receive_message")
    with caplog.at_level(logging.INFO, "openwx"):
        for number in range(3):
            account.friend("小灰").says(f"hi {number}")
        await counts.grows(3, "openwx_dropped_total", what="reply")
    logged = [r for r in caplog.records if "ignored" in r.getMessage()]
    assert [record.levelno for record in logged] == [logging.WARNING, logging.INFO, logging.INFO]
    assert all(words in record.getMessage() for record in logged)
    assert all(record.getMessage().startswith("default: msg_") for record in logged)
    assert account.sent == []


async def test_a_reply_to_what_cannot_be_replied_to_is_said(
    api: Gateway, account: Account, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    counts = await Counts.begin(api)
    receiver.behaves(replies("a loop"))
    friend, group = account.friend("小灰"), account.group("PERL学习交流")
    with caplog.at_level(logging.INFO, "openwx"):
        account.phone.says(friend, "from the phone")
        group.notice("somebody joined")
        friend.sends(10000, "you are not friends")
        await counts.grows(3, "openwx_dropped_total", what="reply")
    logged = [record for record in caplog.records if "can be replied to" in record.getMessage()]
    assert len(logged) == 3
    assert Counter(record.levelno for record in logged)[logging.WARNING] == 1


@pytest.mark.parametrize(
    "behaviour",
    [
        says("<html><link media='print'></html>", content_type="text/html"),
        says("ok", content_type="text/plain"),
        says("{}", content_type="text/plain"),
        says({"reply": None, "media": ""}),
        says({"ok": True}),
        says(b""),
    ],
)
async def test_what_wants_no_reply_is_not_complained_of(
    api: Gateway,
    account: Account,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
    behaviour: Behaviour,
) -> None:
    counts = await Counts.begin(api)
    receiver.behaves(behaviour, content="hi")
    account.friend("小灰").says("hi")
    receiver.behaves(replies("yes"), content="and now?")
    account.friend("小灰").says("and now?")
    assert await account.friend("小灰").hears_text() == "yes"
    assert "ignored" not in caplog.text
    assert await counts.of("openwx_dropped_total", what="reply") == 0


@pytest.mark.parametrize(
    ("body", "heard"),
    [
        (b'{"reply": "half \\ud83d"}', "half \ufffd"),
        (b'{"reply": "\\ude00 half, \\ud83d\\ude00 whole"}', "\ufffd half, 😀 whole"),
        (b'{"reply": "as bytes \xed\xa0\xbd"}', "as bytes \ufffd"),
        (b'{"reply": "\\\\ud83d is text"}', "\\ud83d is text"),
    ],
)
async def test_half_a_surrogate_pair_is_replaced(
    api: Gateway, account: Account, receiver: Receiver, body: bytes, heard: str
) -> None:
    receiver.behaves(says(body), content="hi")
    account.friend("小灰").says("hi")
    assert await account.friend("小灰").hears_text() == heard


# -- the clock ---------------------------------------------------------------------------------------------------------


class Machine:
    """``openwx serve`` in a process of its own, on a machine whose clock can be set."""

    def __init__(self, world: World, folder: Path) -> None:
        self.step = folder / "step"
        self.step.write_text("0")
        self._environ = {
            **{name: text for name, text in os.environ.items() if not name.startswith("OPENWX_")},
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "STEP_FILE": str(self.step),
            "OPENWX_DATA_DIR": str(world.data_dir),
            "OPENWX_LISTEN__PORT": "0",
            "OPENWX_REPORT__POST_API": world.receiver.url,
            "OPENWX_REPORT__MAX_AGE": "3600",
            "OPENWX_ACCOUNTS__DEFAULT__BASE_URL": world.simulator.url,
        }
        self._world = world
        self._command: Command

    async def starts(self) -> Api:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.functional.stepped", "serve"),
            env=self._environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self._command = Command(process)
        found = await self._command.says(r"listens on (http://\S+)/openwx/")
        return Api(found[1], self._world.http)

    async def is_killed(self) -> None:
        await self._command.kill()


async def waiting(gateway: Api) -> list[Json]:
    """Return the deliveries that wait."""
    listed: list[Json] = (await gateway.get("outbox", state="waiting")).json["deliveries"]
    return listed


async def waits(gateway: Api, *, tries: int) -> None:
    """Until the only delivery that waits was tried so often; none has failed."""
    await until_seen(
        lambda: waiting(gateway), lambda listed: listed and listed[0]["tries"] >= tries
    )
    assert (await gateway.get("outbox")).json["deliveries"] == []


@pytest.mark.parametrize("step_s", [86_400, -86_400])
async def test_a_clock_that_is_set_gives_up_nothing(
    world: World, account: Account, receiver: Receiver, tmp_path: Path, step_s: int
) -> None:
    machine = Machine(world, tmp_path)
    gateway = await machine.starts()
    try:
        await account.phone.logs_in()
        await gateway.reaches("running")
        await receiver.stop()
        await account.hands_out(account.friend("小灰").says("fresh"))
        await waits(gateway, tries=1)
        machine.step.write_text(str(step_s))
        await machine._command.says(r"the clock of this machine was set")
        (noticed,) = await waiting(gateway)
        await waits(gateway, tries=noticed["tries"] + 1)
        await machine.is_killed()
        gateway = await machine.starts()
        await waits(gateway, tries=2)
        await receiver.start()
        await receiver.get(content="fresh")
        assert (await gateway.get("outbox")).json["deliveries"] == []
    finally:
        await machine.is_killed()


# -- what is said of when to come again --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "date", ["Mon, 99999999999999999999 Jan 2020 00:00:00 GMT", "1 Jan 2020 0:0 +99999999999999999"]
)
async def test_a_date_that_is_none_ends_nothing(
    world: World, account: Account, receiver: Receiver, date: str
) -> None:
    gateway = await world.run(report=NO_EVENTS)
    receiver.behaves(answers(503, **{"Retry-After": date}), times=1, content="hi")
    account.friend("小灰").says("hi")
    await receiver.until(lambda: came(receiver) == ["hi", "hi"], "the second try")
    assert (await gateway.client())["state"] == "running"


async def test_a_charset_that_is_none_holds_up_nobody(
    world: World, account: Account, receiver: Receiver
) -> None:
    """The codec ``punycode`` takes minutes over such a body."""
    await world.run(report=NO_EVENTS)
    body = b'{"reply":"' + b"a" * 400_000 + b"-" + b"b" * 400_000 + b'"}'
    slow = says(body, content_type="application/json; charset=punycode")
    receiver.behaves(slow, content="hi")
    account.friend("小灰").says("hi")
    await receiver.get(content="hi")
    account.friend("小灰").says("next")
    await receiver.get(content="next")


# -- names that can be no host's ---------------------------------------------------------------------------------------

NO_HOST = f"http://{'a' * 70}.example/hook"
"""No label of a name is longer than 63 characters."""


async def test_a_name_that_can_be_no_hosts_ends_nothing(world: World, account: Account) -> None:
    gateway = await world.run(
        report={**NO_EVENTS, "post_api": NO_HOST, "poll_api": NO_HOST}, pace={"finish_s": 0.3}
    )
    account.friend("小灰").says("hi")
    await until_seen(
        lambda: waiting(gateway),
        lambda listed: any(one["tries"] and one["error"] for one in listed),
    )
    assert (await gateway.client())["state"] == "running"


async def test_a_poll_that_is_redirected_to_no_host_ends_nothing(
    world: World, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    polled = asyncio.Event()

    async def leads_nowhere(_: web.Request) -> web.Response:
        polled.set()
        return web.Response(status=302, headers={"Location": NO_HOST})

    async with served({"/poll": leads_nowhere}) as url:
        poll = {"poll_api": f"{url}/poll", "poll_interval": 1}
        gateway = await world.run(report={**NO_EVENTS, **poll})
        async with asyncio.timeout(PATIENCE_S):
            await polled.wait()
        await until(lambda: "poll_api fails" in caplog.text)
        assert (await gateway.client())["state"] == "running"
