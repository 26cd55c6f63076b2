"""A relay that spoils WeChat's answers at random: nothing crashes or hangs, and all goes on when it stops.

Longer: ``OPENWX_TEST_MUTATIONS=2000 pytest tests/functional/test_mutations.py``; ``OPENWX_TEST_SEED`` draws again.
"""

import copy
import json
import os
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from multidict import CIMultiDict

from openwx.simulator import Account

from .world import Gateway, Receiver, World

ROUNDS = int(os.environ.get("OPENWX_TEST_MUTATIONS", "150"))
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
        "\ud800",
        "<br/>",
        "@@",
        "@",
        "filehelper",
    ),
    *([], {}, [[]], [None], {"": None}, [{"UserName": "@x"}], {"Count": 1, "List": [{}]}),
]


class Relay:
    """Hands everything on; while it ``spoils``, some answers are not what WeChat said."""

    def __init__(self, origin: str, http: aiohttp.ClientSession) -> None:
        self._origin = origin
        self._http = http
        self._draw = random.Random(SEED)
        self.spoils = False
        self.spoilt = 0
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
            if self.spoils and self._draw.random() < 0.3:
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
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", relay.handle)
        runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        relay.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield relay
        await runner.cleanup()


async def runs_again(gateway: Gateway, account: Account) -> None:
    """A spoilt answer may have ended the login: then somebody logs in again."""
    began = time.monotonic()
    while (client := await gateway.client())["state"] != "running":
        assert client["state"] != "stop", client
        assert time.monotonic() - began < 10, client
        if account.phone.shows() is not None:
            account.phone.confirm()
        elif account.world.codes.pending():
            await account.phone.logs_in()
        await gateway.get("check_event", timeout="0.1")


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
    relay.spoils = True
    for number in range(ROUNDS):
        friend = draw.choice(account.friends[:5])
        match draw.randrange(6):
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
            case _:
                friend.changes(signature=str(number))
        reply = await gateway.get("send_friend_message", id="filehelper", content=f"out {number}")
        assert reply.status < 500 or reply.code in (-1, -4), reply.body
        assert (await gateway.get("get_group_info")).status in (200, 503)
        if reply.code == -4:
            relay.spoils = False
            await runs_again(gateway, account)
            relay.spoils = True
    relay.spoils = False
    assert relay.spoilt > ROUNDS / 5
    await runs_again(gateway, account)
    account.friend("小灰").says("all is well")
    await receiver.get(content="all is well", post_type="receive_message")
    reply = await gateway.get("send_friend_message", id="filehelper", content="goodbye")
    assert reply.code == 0, reply.words
    heard = [text for text in account.filehelper.texts if text.startswith("out ")]
    assert len(heard) == len(set(heard))
    assert "Traceback" not in caplog.text
