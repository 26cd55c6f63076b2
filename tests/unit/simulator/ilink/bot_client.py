"""A minimal iLink client, written from the protocol alone; tests change single members of what it sends."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from typing import Any, TypeAlias
from urllib.parse import quote

import aiohttp
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from openwx.simulator import Account

Json: TypeAlias = dict[str, Any]
APP = {"iLink-App-Id": "bot", "iLink-App-ClientVersion": str(2 << 16 | 4 << 8 | 9)}
BASE_INFO = {"channel_version": "2.4.9", "bot_agent": "Test/1.0"}
MEDIA_TYPES = {"image": 1, "video": 2, "file": 3, "voice": 4}


class BotClient:
    """One client, before and after its login."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = aiohttp.ClientSession()
        self.token = ""
        self.bot_id = ""
        self.user_id = ""
        self.cursor = ""
        self.newest: Json = {}
        """The latest inbound message."""
        self._draw = random.Random(1)

    # Calls

    async def post(self, path: str, body: Json, **headers: str | None) -> Json:
        """Make a call with all that belongs to one; a header that is None is left out."""
        uin = base64.b64encode(str(self._draw.randrange(2**32)).encode()).decode()
        whole: dict[str, str | None] = {
            **APP, "AuthorizationType": "ilink_bot_token", "X-WECHAT-UIN": uin,
            "Authorization": f"Bearer {self.token}" if self.token else None,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }  # fmt: skip
        sent = {name: value for name, value in whole.items() if value is not None}
        url = f"{self.url}/ilink/bot/{path}"
        async with self.http.post(url, json=body, headers=sent) as answer:
            assert answer.status == 200, answer.status
            reply: Json = json.loads(await answer.read())
        return reply

    async def call(self, path: str, **body: Any) -> Json:
        """Make a call after the login."""
        return await self.post(path, {**body, "base_info": BASE_INFO})

    # Logging in

    async def code(self, *local_tokens: str) -> str:
        asked = {"local_token_list": list(local_tokens)}
        answer = await self.post("get_bot_qrcode?bot_type=3", asked)
        assert answer["qrcode_img_content"].startswith("https://liteapp.weixin.qq.com/q/")
        qrcode: str = answer["qrcode"]
        return qrcode

    async def status(self, qrcode: str, *, host: str = "", verify_code: str = "") -> Json:
        query = f"qrcode={quote(qrcode)}" + (f"&verify_code={verify_code}" if verify_code else "")
        url = f"{host or self.url}/ilink/bot/get_qrcode_status?{query}"
        async with self.http.get(url, headers=APP) as answer:
            reply: Json = json.loads(await answer.read())
        return reply

    def takes(self, confirmed: Json) -> None:
        """Use what a confirmed login told."""
        assert confirmed["status"] == "confirmed"
        self.token, self.bot_id = confirmed["bot_token"], confirmed["ilink_bot_id"]
        self.user_id, self.cursor = confirmed["ilink_user_id"], ""

    async def log_in(self, account: Account) -> None:
        qrcode = await self.code()
        await account.phone.logs_in(qrcode)
        self.takes(await self.status(qrcode))

    # Receiving

    async def poll(self, cursor: str | None = None) -> Json:
        """Poll with a cursor, or with the present one, which is then the new one."""
        used = self.cursor if cursor is None else cursor
        answer = await self.call("getupdates", get_updates_buf=used)
        if cursor is None:
            self.cursor = answer.get("get_updates_buf") or self.cursor
        for msg in answer.get("msgs", ()):
            self.newest = msg
        return answer

    async def texts(self, cursor: str | None = None) -> list[str]:
        msgs = (await self.poll(cursor))["msgs"]
        return [msg["item_list"][0]["text_item"]["text"] for msg in msgs]

    # Sending

    def message(self, *items: Json, **changes: Any) -> Json:
        """Return the `msg` that answers the newest message; a member that is None is left out."""
        msg = {
            "from_user_id": "", "to_user_id": self.newest["from_user_id"],
            "client_id": f"test:{self._draw.randrange(2**64):x}", "message_type": 2,
            "message_state": 2, "context_token": self.newest["context_token"],
            "item_list": list(items), **changes,
        }  # fmt: skip
        return {name: value for name, value in msg.items() if value is not None}

    async def send(self, *items: Json, **changes: Any) -> Json:
        return await self.call("sendmessage", msg=self.message(*items, **changes))

    async def say(self, text: str, **changes: Any) -> Json:
        return await self.send({"type": 1, "text_item": {"text": text}}, **changes)

    # Media

    async def permission(self, data: bytes, kind: str, key: bytes, **changes: Any) -> Json:
        asked = {
            "filekey": self._draw.randbytes(16).hex(), "media_type": MEDIA_TYPES[kind],
            "to_user_id": self.newest["from_user_id"], "rawsize": len(data),
            "rawfilemd5": hashlib.md5(data).hexdigest(), "filesize": len(encrypted(data, key)),
            "no_need_thumb": True, "aeskey": key.hex(), **changes,
        }  # fmt: skip
        return await self.call("getuploadurl", **asked)

    async def put(self, url: str, body: bytes, method: str = "POST") -> tuple[int, dict[str, str]]:
        """Upload. Return the status, and the headers by their names in lower case."""
        async with self.http.request(method, url, data=body) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}

    async def upload(self, data: bytes, kind: str) -> Json:
        """Upload a file, and return its `media`."""
        key = self._draw.randbytes(16)
        answer = await self.permission(data, kind, key)
        status, headers = await self.put(answer["upload_full_url"], encrypted(data, key))
        assert status == 200
        return {
            "encrypt_query_param": headers["x-encrypted-param"],
            "aes_key": base64.b64encode(key.hex().encode()).decode(),
            "encrypt_type": 1,
        }

    async def fetch(self, media: Json, hex_key: str = "") -> bytes:
        """Download and decrypt, by the address in the message."""
        async with self.http.get(media["full_url"]) as answer:
            assert answer.status == 200
            data = await answer.read()
        if hex_key:
            return decrypted(data, bytes.fromhex(hex_key))
        if not media.get("aes_key"):
            return data
        raw = base64.b64decode(media["aes_key"])
        return decrypted(data, raw if len(raw) == 16 else bytes.fromhex(raw.decode()))


def image_item(media: Json, data: bytes) -> Json:
    return {"type": 2, "image_item": {"media": media, "mid_size": (len(data) // 16 + 1) * 16}}


def file_item(media: Json, data: bytes, name: str) -> Json:
    item = {"media": media, "file_name": name, "len": str(len(data))}
    return {"type": 4, "file_item": item}


def encrypted(data: bytes, key: bytes) -> bytes:
    padder = PKCS7(128).padder()
    padded = padder.update(data) + padder.finalize()
    encryptor = Cipher(algorithms.AES128(key), modes.ECB()).encryptor()
    return encryptor.update(padded) + encryptor.finalize()


def decrypted(data: bytes, key: bytes) -> bytes:
    """Decrypt; ValueError for a wrong key."""
    decryptor = Cipher(algorithms.AES128(key), modes.ECB()).decryptor()
    padded = decryptor.update(data) + decryptor.finalize()
    unpadder = PKCS7(128).unpadder()
    return unpadder.update(padded) + unpadder.finalize()
