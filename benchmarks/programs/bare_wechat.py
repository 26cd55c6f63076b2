"""A minimal WeChat client, the baseline of the rows ``incoming`` and ``sends``.

``python -m benchmarks.programs.bare_wechat BASE_URL [POST_API]`` logs in, POSTs received texts to ``POST_API``, and
sends texts on command. It validates nothing, stores nothing and retries nothing.
"""

import asyncio
import functools
import itertools
import re
import sys
import time
from typing import Any

import aiohttp
import msgspec

from benchmarks.programs import commands
from openwx.transports.network import Way
from openwx.transports.web import login, sync
from openwx.transports.web.http import MAIN, Http
from openwx.transports.web.session import Session

HAS_NEWS = re.compile(rb'retcode:"0",selector:"[1-9]')


class Bare:
    """A client after its login, with the calls that the rows need."""

    def __init__(self, base_url: str, session: Session, init: Any) -> None:
        self._url = base_url + MAIN
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in session.cookies)
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), headers={"Cookie": cookies}
        )
        self._session = session
        self._base = session.base_request() | {"Skey": init.SKey}
        self._skey = init.SKey
        self._key = init.SyncKey.read().to_wire()
        self._check_key = self._key
        self.own_id = init.User.UserName
        self._numbers = itertools.count(1)

    async def follow(self, post_api: str) -> None:
        """Poll for messages, and POST each, until cancelled."""
        while True:
            if not await self._has_news():
                continue
            for message in await self._news():
                headers = {"Content-Type": "application/json"}
                body = msgspec.json.encode(message)
                async with self._http.post(post_api, data=body, headers=headers) as answer:
                    await answer.read()

    async def _has_news(self) -> bool:
        key = "|".join(f"{pair['Key']}_{pair['Val']}" for pair in self._check_key["List"])
        query = {
            "r": str(time.time_ns() // 10**6),
            "skey": self._skey,
            "sid": self._session.sid,
            "uin": self._session.uin,
            "deviceid": self._base["DeviceID"],
            "synckey": key,
        }
        async with self._http.get(f"{self._url}synccheck", params=query) as answer:
            return HAS_NEWS.search(await answer.read()) is not None

    async def _news(self) -> list[dict[str, Any]]:
        """Fetch new messages, and return the texts."""
        answer = await self._post("webwxsync", SyncKey=self._key, rr=1)
        self._key, self._check_key = answer["SyncKey"], answer["SyncCheckKey"]
        return [message for message in answer["AddMsgList"] if message["MsgType"] == 1]

    async def send(self, to: str) -> None:
        number = f"{time.time_ns()}{next(self._numbers):04}"
        message = {
            "Type": 1,
            "Content": f"text {number}",
            "FromUserName": self.own_id,
            "ToUserName": to,
            "LocalID": number,
            "ClientMsgId": number,
        }
        answer = await self._post("webwxsendmsg", Msg=message, Scene=0)
        assert answer["BaseResponse"]["Ret"] == 0, answer

    async def _post(self, call: str, **body: Any) -> dict[str, Any]:
        data = msgspec.json.encode({"BaseRequest": self._base, **body})
        query = {"lang": "zh_CN", "pass_ticket": self._session.pass_ticket}
        async with self._http.post(f"{self._url}{call}", params=query, data=data) as response:
            answer: dict[str, Any] = msgspec.json.decode(await response.read())
            return answer


async def log_in(base_url: str) -> tuple[Bare, list[str]]:
    """Log in once the QR code is scanned. Returns the client and the ids of its friends."""
    async with aiohttp.TCPConnector() as connector:
        http = Http(Way(connector, base_url=base_url))
        uuid = await login.fetch_uuid(http, "desktop")
        print('{"waits": "for a scan"}', flush=True)
        while not (poll := await login.poll(http, uuid, scanned=False, timeout_s=40)).redirect:
            pass
        session = await login.fetch_session(http, poll.redirect, "desktop")
        init = await http.send(sync.init(session))
        contacts = await http.send(sync.get_contact(session, 0))
        await http.close()
    records = [msgspec.json.decode(raw) for raw in contacts.MemberList or []]
    ids = [record["UserName"] for record in records if record["ContactFlag"] and record["Uin"] == 0]
    people = [id for id in ids if id.startswith("@") and id != init.User.UserName]
    return Bare(base_url, session, init), people


async def do(bare: Bare, friends: list[str], what: dict[str, Any]) -> dict[str, Any]:
    """Send texts for ``seconds`` with ``send`` callers, each to a friend of its own."""
    until = time.perf_counter() + what["seconds"]

    async def caller(to: str) -> int:
        count = 0
        while time.perf_counter() < until:
            await bare.send(to)
            count += 1
        return count

    counts = await asyncio.gather(*(caller(friends[n]) for n in range(what["send"])))
    return {"count": sum(counts)}


async def main(base_url: str, post_api: str | None) -> None:
    bare, friends = await log_in(base_url)
    async with asyncio.TaskGroup() as tasks:
        if post_api is not None:
            tasks.create_task(bare.follow(post_api))
        print('{"ready": true}', flush=True)
        await commands.serve(functools.partial(do, bare, friends))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
