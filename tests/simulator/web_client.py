"""A minimal web client: literal JSON over a socket, one method a call."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any
from urllib.parse import unquote

import aiohttp

from openwx.simulator import Account

Json = dict[str, Any]


class WebClient:
    """The calls of a browser, with the state of its login."""

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
        self.sent = 0

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
        """Return `window.code`, and keep the redirect_uri."""
        text = await self.get("login", uuid=uuid, tip=tip, loginicon="true")
        if found := re.search(r'window.redirect_uri="(.+)";', text):
            self.page = found[1]
        return re.findall(r"window.code=(\d+);", text)[0]  # type: ignore[no-any-return]

    async def enter(self, **headers: str) -> str:
        """Return the XML of webwxnewloginpage, and keep its credentials."""
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
        """Log in, up to webwxinit."""
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
        """Return the id of a friend or saved group by its name on the wire."""
        ids = [c["UserName"] for c in await self.contacts() if c["NickName"] == nickname]
        assert len(ids) == 1
        return str(ids[0])

    async def check(self, key: Json | None = None) -> tuple[str, str]:
        """Return retcode and selector of a synccheck."""
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

    async def send_kind(self, call: str, to: str, type_: int, scene: int = 0, **msg: Any) -> Json:
        """Send a message that is no text; `msg` is added to the usual fields of Msg."""
        self.sent += 1
        usual = {
            "Type": type_, "FromUserName": self.me, "ToUserName": to, "LocalID": str(self.sent),
            "ClientMsgId": str(self.sent),
        }  # fmt: skip
        return await self.post(call, {"Msg": {**usual, **msg}, "Scene": scene})

    async def send_file(self, to: str, title: str, media_id: str, **msg: Any) -> Json:
        """Send a file by webwxsendappmsg; `title` is XML."""
        content = (
            f"<appmsg appid='wxeb7ec651dd0aefa9' sdkver=''><title>{title}</title><des></des>"
            "<action></action><type>6</type><content></content><url></url><lowurl></lowurl>"
            f"<appattach><totallen>1</totallen><attachid>{media_id}</attachid>"
            "<fileext>txt</fileext></appattach><extinfo></extinfo></appmsg>"
        )
        return await self.send_kind("webwxsendappmsg", to, 6, **{"Content": content, **msg})

    async def upload(
        self, data: bytes, kind: str = "doc", *, name: str = "a.txt",
        form: Json | None = None, request: Json | None = None,
    ) -> Json:  # fmt: skip
        """Upload in chunks of 512 KiB, and return the last answer. `form` and `request` override fields."""
        size = 512 * 1024
        chunks = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
        self.sent += 1
        asked: Json = {"ClientMediaId": self.sent, **(request or {})}
        answer: Json = {}
        for number, chunk in enumerate(chunks):
            fields = {"chunks": len(chunks), "chunk": number} if len(chunks) > 1 else {}
            answer = await self.upload_chunk(
                chunk, data, kind, name=name, form={**fields, **(form or {})}, request=asked
            )
            if answer["BaseResponse"]["Ret"] != 0:
                break
        return answer

    async def upload_chunk(
        self, chunk: bytes, data: bytes, kind: str, *, name: str, form: Json, request: Json
    ) -> Json:
        """Upload one chunk of `data`."""
        asked = {
            "UploadType": 2, "BaseRequest": self.base, "TotalLen": len(data), "StartPos": 0,
            "DataLen": len(data), "MediaType": 4, "FromUserName": self.me,
            "ToUserName": "filehelper", "FileMd5": hashlib.md5(data).hexdigest(), **request,
        }  # fmt: skip
        fields: Json = {
            "id": "WU_FILE_0", "name": name, "type": "", "lastModifiedDate": "Thu Jan 01 2026",
            "size": len(data), "mediatype": kind, **form, "uploadmediarequest": json.dumps(asked),
            "webwx_data_ticket": self.cookie("webwx_data_ticket"), "pass_ticket": "undefined",
        }  # fmt: skip
        fields |= form
        body = aiohttp.FormData()
        for field, value in fields.items():
            body.add_field(field, str(value))
        body.add_field("filename", chunk, filename=name, content_type="application/octet-stream")
        url = self._url("webwxuploadmedia")
        async with self.http.post(url, params={"f": "json"}, data=body) as answer:
            parsed: Json = json.loads(await answer.read())
            return parsed

    async def download(
        self, path: str, headers: dict[str, str] | None = None, **query: Any
    ) -> tuple[int, bytes]:
        """Return status and body."""
        given = {"skey": self.base["Skey"], **query}
        async with self.http.get(self._url(path), params=given, headers=headers) as answer:
            return answer.status, await answer.read()

    def cookie(self, name: str) -> str:
        return next(cookie.value for cookie in self.http.cookie_jar if cookie.key == name)

    def _url(self, path: str) -> str:
        return self.url + (path if path.startswith("/") else f"/cgi-bin/mmwebwx-bin/{path}")
