"""A relay that spoils WeChat's answers at random: nothing crashes or hangs, and all goes on when it stops.

Longer: ``OPENWX_TEST_MUTATIONS=2000 pytest tests/functional/test_mutations.py``; ``OPENWX_TEST_SEED`` draws again.
"""

import base64
import copy
import json
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from multidict import CIMultiDict

from openwx.simulator import Account
from openwx.simulator.media import GIF, MP3, MP4, PNG
from tests.how_many import how_many
from tests.patience import PATIENCE_S
from tests.served import ALL, served

from .changing import id_of, ids_of
from .world import Gateway, Json, Receiver, World

ROUNDS = int(os.environ.get("OPENWX_TEST_MUTATIONS", how_many(75, in_ci=150)))
SEED = int(os.environ.get("OPENWX_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)

VALUES: list[Any] = [
    *(
        None,
        True,
        -1,
        0,
        2**70,
        1.5,
        "",
        "x",
        "9" * 5000,
        10**400,
        -(2**63),
        1e308,
        "\ud800",
        "a\0b",
        "x" * 100_000,
        "<msg><appmsg>" * 1000,
        "&lt;!DOCTYPE a [&lt;!ENTITY b 'c'>]>&lt;msg>&amp;b;&lt;/msg>",
        "<msg><![CDATA[",
        "<br/>",
        "@@",
        "@",
        "filehelper",
    ),
    *([], {}, [[]], [None], {"": None}, [{"UserName": "@x"}], {"Count": 1, "List": [{}]}),
    *([{}] * 2000, [[[]] * 200] * 20, {str(number): number for number in range(2000)}),
    {"Count": 2**31, "List": [{"Key": 2**70, "Val": "x"}, {"Key": 1, "Val": -1}]},
]
DEEP = b"[" * 50_000
SPARED = {"jslogin", "login", "webwxnewloginpage", "webwxpushloginurl"}
"""Nonsense in place of these costs a person another scan; `unit/transports/web/test_login.py` draws their answers."""


class Relay:
    """Hands everything on; while it ``spoils``, some answers are not what WeChat said."""

    def __init__(self, origin: str, http: aiohttp.ClientSession) -> None:
        self._origin = origin
        self._http = http
        self._draw = random.Random(SEED)
        self.spoils = False
        self.spoilt = 0
        self.calls: set[str] = set()
        """Whose answers were spoilt."""
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = CIMultiDict(request.headers)
        headers.popall("Host", None)
        async with self._http.request(
            request.method,
            self._origin + request.raw_path,
            headers=headers,
            data=await request.read(),
            allow_redirects=False,
        ) as answer:
            body = await answer.read()
            call = request.path.rpartition("/")[2]
            if self.spoils and call not in SPARED and self._draw.random() < 0.3:
                self.calls.add(call)
                body = self._spoilt(body)
            response = web.Response(body=body, status=answer.status)
            response.headers["Content-Type"] = answer.headers.get("Content-Type", "text/plain")
            for cookie in answer.headers.getall("Set-Cookie", []):
                response.headers.add("Set-Cookie", cookie)
            return response

    def _spoilt(self, body: bytes) -> bytes:
        self.spoilt += 1
        mood = self._draw.random()
        if mood < 0.1:
            return body[: self._draw.randrange(len(body) + 1)]
        if mood < 0.2:
            place = self._draw.randrange(len(body) + 1)
            return body[:place] + self._draw.randbytes(3) + body[place:]
        if mood < 0.22:
            return DEEP
        if mood < 0.3 and b"," in body:
            place = body.index(b",")  # a member that is there twice
            return body[:place] + body[place:].replace(b",", b',"BaseResponse":0,', 1)
        try:
            answer = json.loads(body)
        except ValueError:
            return body.replace(b'"', b"'", 1)
        for _ in range(self._draw.randrange(1, 4)):
            self._change(answer)
        return json.dumps(answer, ensure_ascii=self._draw.random() < 0.5).encode(
            "utf-8", "surrogatepass"
        )

    def _change(self, value: Any) -> None:
        """Walk down somewhere, and put nonsense there."""
        while True:
            keys: list[Any] = list(value) if isinstance(value, dict) else [*range(len(value))]
            # What ends the session is no nonsense.
            keys = [key for key in keys if key not in ("BaseResponse", "Ret")]
            if not keys:
                return
            key = self._draw.choice(keys)
            if isinstance(value[key], dict | list) and self._draw.random() < 0.7:
                value = value[key]
                continue
            if isinstance(value, dict) and self._draw.random() < 0.2:
                del value[key]
            else:
                value[key] = copy.deepcopy(self._draw.choice(VALUES))
            return


@pytest.fixture
async def relay(world: World) -> AsyncIterator[Relay]:
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), connector=aiohttp.TCPConnector(limit=0)
    ) as http:
        relay = Relay(world.simulator.url, http)
        async with served({ALL: relay.handle}) as relay.url:
            yield relay


async def runs_again(gateway: Gateway, account: Account) -> None:
    """Wait until the account runs; log in again if a bad answer ended the login."""
    began = time.monotonic()
    while (client := await gateway.client())["state"] != "running":
        assert client["state"] != "stop", client
        assert time.monotonic() - began < PATIENCE_S, client
        if account.phone.shows() is not None:
            account.phone.confirm()
        elif account.world.codes.pending():
            await account.phone.logs_in()
        await gateway.get("check_event", timeout="0.1")


MUST_BE_SPOILT = {
    *("webwxsync", "synccheck", "webwxsendmsg"),
    *("webwxbatchgetcontact", "webwxuploadmedia", "webwxoplog"),
}
"""A short run reaches these; a longer one all."""


def callers(account: Account) -> list[tuple[str, Callable[[int], Json]]]:
    """Return a call of each route that asks WeChat for something; the number makes each call differ."""
    friends = [account.friend("小灰"), account.friend("momo")]
    group = {"displayname": account.groups[1].name}

    def a_file(number: int, head: bytes) -> Json:
        data = base64.b64encode(head + str(number).encode()).decode()
        return {"id": "filehelper", "media_data": data}

    return [
        *(
            ("send_friend_message", partial(lambda head, number: a_file(number, head), head))
            for head in (PNG, GIF, MP4, b"text")
        ),
        ("upload_media", lambda number: a_file(number, b"uploaded")),
        ("create_group", lambda number: {
            "friends": ids_of(account, *friends), "displayname": f"new {number}"
        }),
        ("invite_friend", lambda _: {**group, "friends": ids_of(account, friends[0])}),
        ("set_markname", lambda number: {"account": "hug", "new_markname": f"h{number}"}),
        ("stick", lambda number: {"account": "hug", "op": number % 2}),
        ("make_friend", lambda _: {"id": "@nobody", "verify": "x"}),
        ("get_avatar", lambda number: {
            "id": id_of(account, account.friends[number % len(account.friends)])
        }),
        ("get_avatar", lambda _: group),
        ("revoke_message", lambda _: {"id": account.sent[-1].msg_id if account.sent else "1"}),
        ("consult", lambda _: {"account": "hug", "content": "?", "timeout": 1}),
    ]  # fmt: skip


def rounds(relay: Relay) -> Iterator[int]:
    """Count the rounds: until each call that must be spoilt was."""
    for number in range(5 * ROUNDS):
        if number >= ROUNDS and relay.calls >= MUST_BE_SPOILT:
            return
        yield number


async def test_spoilt_answers(
    world: World,
    account: Account,
    receiver: Receiver,
    relay: Relay,
    caplog: pytest.LogCaptureFixture,
) -> None:
    print(f"answers are spoilt with OPENWX_TEST_SEED={SEED}")
    gateway = await world.run(base_url=relay.url, send_tries=2, pace={"send_wait_s": 0.5})
    draw = random.Random(SEED)
    group = account.group("PERL学习交流")
    calls = callers(account)
    relay.spoils = True
    for number in rounds(relay):
        friend = draw.choice(account.friends[:5])
        match draw.randrange(10):
            case 0:
                friend.says(f"in {number}")
            case 1:
                group.add_member(f"new {number}")
            case 2:
                friend.sends_link("a", "b", "http://c")
            case 3:
                friend.sends_image(b"GIF89a")
            case 4:
                account.asks_to_be_friends(f"n{number}", "x")
            case 5:
                friend.sends_voice(MP3)
            case 6:
                friend.sends_video(MP4)
            case 7:
                friend.sends_file("a.txt", b"text")
            case _:
                friend.changes(signature=str(number))
        reply = await gateway.get("send_friend_message", id="filehelper", content=f"out {number}")
        assert reply.status < 500 or reply.code in (-1, -4), reply.body
        assert (await gateway.get("get_group_info")).status in (200, 503)
        route, parameters = draw.choice(calls)
        reply_of_call = await gateway.post_json(route, **parameters(number))
        assert reply_of_call.status != 500, reply_of_call.body
        if number % 10 == 5:
            account.end_session(1102)
        if reply.code == -4 or number % 10 == 5:
            await runs_again(gateway, account)
    relay.spoils = False
    assert relay.spoilt > ROUNDS / 5
    print(f"{relay.spoilt} answers were spoilt, of {', '.join(sorted(relay.calls))}")
    assert relay.calls >= MUST_BE_SPOILT
    await runs_again(gateway, account)
    account.friend("小灰").says("all is well")
    await receiver.get(content="all is well", post_type="receive_message")
    goodbye = {"id": "filehelper", "content": "goodbye", "async": "1"}  # in its own time
    assert (await gateway.get("send_friend_message", **goodbye)).code == 0
    assert (await receiver.get(content="goodbye"))["code"] == 0
    heard = [text for text in account.filehelper.texts if text.startswith("out ")]
    assert len(heard) == len(set(heard))
    errors = [record.exc_info[1] for record in caplog.records if record.exc_info]
    # An Skey of 100,000 letters is more than the relay's own server takes.
    assert [error for error in errors if not isinstance(error, LineTooLong)] == []
