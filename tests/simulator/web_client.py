"""A web client of few words: literal JSON over a socket, one method a call, no cleverness."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

import aiohttp

from openwx.simulator import Account

Json = dict[str, Any]


class WebClient:
    """What a browser would ask, and what it kept from the login."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True, quote_cookie=False)
        )
        self.base: Json = {"Uin": 0, "Sid": "", "Skey": "", "DeviceID": "e123456789012345"}
        self.page = ""
        self.me = ""
        self.sync_key: Json = {}
        self.check_key: Json = {}

    async def get(self, path: str, **query: Any) -> str:
        async with self.http.get(self._url(path), params=query, allow_redirects=False) as answer:
            return (await answer.read()).decode()

    async def post(self, call: str, body: Json | None = None, **query: Any) -> Json:
        data = json.dumps({"BaseRequest": self.base, **(body or {})}, ensure_ascii=False).encode()
        return await self.post_raw(call, data, **query)

    async def post_raw(self, call: str, data: bytes, **query: Any) -> Json:
        async with self.http.post(self._url(call), params=query, data=data) as answer:
            parsed: Json = json.loads(await answer.read())
            return parsed

    async def code(self, **query: Any) -> str:
        text = await self.get("/jslogin", appid="wx782c26e4c19acffb", fun="new", **query)
        found = re.fullmatch(r'window.QRLogin.code = 200; window.QRLogin.uuid = "(.+)";', text)
        assert found, text
        return found[1]

    async def poll(self, uuid: str, tip: int = 1) -> str:
        """The number behind `window.code`; a redirect_uri is kept."""
        text = await self.get("login", uuid=uuid, tip=tip, loginicon="true")
        if found := re.search(r'window.redirect_uri="(.+)";', text):
            self.page = found[1]
        return re.findall(r"window.code=(\d+);", text)[0]  # type: ignore[no-any-return]

    async def enter(self, **headers: str) -> str:
        """webwxnewloginpage: the XML; what it tells is kept."""
        url = f"{self.page}&fun=new&version=v2"
        async with self.http.get(url, headers=headers, allow_redirects=False) as answer:
            xml = await answer.text()
        if "<ret>0</ret>" in xml:
            of = {
                tag: re.findall(f"<{tag}>(.*?)</{tag}>", xml)[0]
                for tag in ("wxuin", "wxsid", "skey")
            }
            self.base |= {"Uin": int(of["wxuin"]), "Sid": of["wxsid"], "Skey": of["skey"]}
            assert unquote(xml.split("<pass_ticket>")[1]) != xml.split("<pass_ticket>")[1]
        return xml

    async def log_in(self, account: Account) -> Json:
        """The whole way, up to webwxinit."""
        uuid = await self.code()
        await account.phone.logs_in(uuid)
        assert await self.poll(uuid) == "200"
        await self.enter()
        return await self.init()

    async def init(self) -> Json:
        answer = await self.post("webwxinit")
        if answer["BaseResponse"]["Ret"] == 0:
            self.base["Skey"] = answer["SKey"]
            self.me = answer["User"]["UserName"]
            self.sync_key = self.check_key = answer["SyncKey"]
        return answer

    async def contacts(self) -> list[Json]:
        found: list[Json] = []
        seq = 0
        while True:
            answer = json.loads(await self.get("webwxgetcontact", seq=seq, skey=self.base["Skey"]))
            found += answer["MemberList"]
            seq = answer["Seq"]
            if not seq:
                return found

    async def id_of(self, nickname: str) -> str:
        """The id of a friend or saved group by the name as the service writes it."""
        ids = [c["UserName"] for c in await self.contacts() if c["NickName"] == nickname]
        assert len(ids) == 1
        return str(ids[0])

    async def check(self, key: Json | None = None) -> tuple[str, str]:
        """A synccheck: retcode and selector."""
        pairs = (key or self.check_key)["List"]
        text = await self.get(
            "synccheck", sid=self.base["Sid"], uin=self.base["Uin"], skey=self.base["Skey"],
            synckey="|".join(f"{pair['Key']}_{pair['Val']}" for pair in pairs),
        )  # fmt: skip
        found = re.fullmatch(r'window.synccheck={retcode:"(\d+)",selector:"(\d+)"}', text)
        assert found, text
        return found[1], found[2]

    async def sync(self, *, acknowledge: bool = True) -> Json:
        answer = await self.post("webwxsync", {"SyncKey": self.sync_key, "rr": -1})
        if acknowledge and answer["BaseResponse"]["Ret"] == 0:
            self.sync_key, self.check_key = answer["SyncKey"], answer["SyncCheckKey"]
        return answer

    async def send(
        self, to: str, text: str, client_msg_id: str | int = "17000000000001234"
    ) -> Json:
        msg = {
            "Type": 1, "Content": text, "FromUserName": self.me, "ToUserName": to,
            "LocalID": client_msg_id, "ClientMsgId": client_msg_id,
        }  # fmt: skip
        return await self.post("webwxsendmsg", {"Msg": msg, "Scene": 0})

    def _url(self, path: str) -> str:
        return self.url + (path if path.startswith("/") else f"/cgi-bin/mmwebwx-bin/{path}")
