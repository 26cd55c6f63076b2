"""A small, strict iLink service: what the transport may rely on, with the faults of a test. It notes every request that
the real service would not take in ``complaints``.
"""

import asyncio
import base64
import json
import os
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

PERSON = "o9cq80Abc@im.wechat"
FIRST_MESSAGE_ID = 7_497_484_083_968_569_736

Handler = Callable[[web.Request, Any], Awaitable[web.StreamResponse | None]]


def encrypt(plain: bytes, key: bytes) -> bytes:
    padder = PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()


def decrypt(cipher: bytes, key: bytes) -> bytes:
    unpadder = PKCS7(128).unpadder()
    decryptor = Cipher(algorithms.AES(key), modes.ECB()).decryptor()
    return unpadder.update(decryptor.update(cipher) + decryptor.finalize()) + unpadder.finalize()


@dataclass
class Code:
    """A login code. ``answer`` is what its next poll says."""

    id: str
    answer: dict[str, Any] = field(default_factory=lambda: {"status": "wait"})
    digits: str = ""
    wrong: int = 0


@dataclass
class Bot:
    """A bot and the messages for it. ``acknowledged``: how many of them a cursor has passed."""

    id: str
    token: str
    person: str
    messages: list[Any] = field(default_factory=list)
    acknowledged: int = 0
    is_alive: bool = True
    sends: int = 0
    """Since the person's last message."""
    context: str = ""

    @property
    def login(self) -> dict[str, Any]:
        return {
            "status": "confirmed",
            "bot_token": self.token,
            "ilink_bot_id": self.id,
            "ilink_user_id": self.person,
            "baseurl": "https://ilinkai.weixin.qq.com",
        }


class Fake:
    """The service. ``strike`` answers the next call of a name otherwise."""

    def __init__(self) -> None:
        self.url = ""
        self.codes: list[Code] = []
        self.bots: list[Bot] = []
        self.calls: list[tuple[str, Any]] = []
        self.complaints: list[str] = []
        self.sent: list[dict[str, Any]] = []
        """The messages that were queued."""
        self.files: dict[str, bytes] = {}
        """The CDN, by parameter."""
        self.hold_s = 5.0
        self.limit = 10
        self.id_as_text = False
        self._faults: dict[str, list[Handler]] = defaultdict(list)
        self._drawn: set[str] = set()
        self._next_id = FIRST_MESSAGE_ID
        self._began_ms = time.time_ns() // 1_000_000 - 60_000
        self._changed = asyncio.Condition()

    # -- what tests do ---------------------------------------------------------------------------------------

    async def note(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, done: Callable[[], object]) -> None:
        from tests.patience import PATIENCE_S

        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(done)

    def strike(self, call: str, *handlers: Handler) -> None:
        self._faults[call] += handlers

    def says(self, call: str, *bodies: Any, status: int = 200) -> None:
        """Answer the next calls with these: JSON as text or bytes, or a value to encode."""
        for body in bodies:
            raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
            data = raw if isinstance(raw, bytes) else json.dumps(raw).encode()

            async def handler(_: web.Request, __: Any, data: bytes = data) -> web.Response:
                return web.Response(body=data, status=status, content_type="text/html")

            self.strike(call, handler)

    def drops(self, call: str) -> None:
        """Take the next call, and close the connection without an answer."""

        async def handler(request: web.Request, _: Any) -> None:
            assert request.transport is not None
            request.transport.close()

        self.strike(call, handler)

    async def scanned(self, count: int = 1) -> Code:
        """Wait for the login code with this number."""
        await self.until(lambda: len(self.codes) >= count)
        return self.codes[count - 1]

    async def says_of(self, code: Code, status: str, **more: Any) -> None:
        code.answer = {"status": status, **more}
        await self.note()

    def new_bot(self, person: str = PERSON) -> Bot:
        """Make a bot; the former one of the person dies."""
        for bot in self.bots:
            if bot.person == person:
                bot.is_alive = False
        number = len(self.bots) + 1
        bot = Bot(f"{number:012x}@im.bot", f"{number:012x}@im.bot:{os.urandom(4).hex()}", person)
        self.bots.append(bot)
        return bot

    async def confirms(self, count: int = 1, person: str = PERSON) -> Bot:
        """Scan the login code with this number, and confirm it."""
        code = await self.scanned(count)
        bot = self.new_bot(person)
        code.answer = bot.login
        await self.note()
        return bot

    async def writes(self, bot: Bot, text: str = "", **fields: Any) -> dict[str, Any]:
        """Have the person write. ``fields`` replace those of the message; None takes one away."""
        self._next_id += 1
        bot.context = fields.get("context_token", f"context-{self._next_id}") or ""
        bot.sends = 0
        message = {
            "seq": len(bot.messages) + 1,
            "message_id": self._next_id,
            "from_user_id": bot.person,
            "to_user_id": bot.id,
            "client_id": f"phone-{self._next_id}",
            "create_time_ms": self._began_ms + 10 * (self._next_id - FIRST_MESSAGE_ID),
            "message_type": 1,
            "message_state": 2,
            "context_token": bot.context,
            "item_list": [{"type": 1, "text_item": {"text": text}}],
        } | fields
        message = {name: value for name, value in message.items() if value is not None}
        bot.messages.append(message)
        await self.note()
        return message

    # -- what clients ask ------------------------------------------------------------------------------------

    async def answer(self, request: web.Request) -> web.StreamResponse:
        name = request.path.rpartition("/")[2]
        if request.path.startswith("/c2c/"):
            return await self._cdn(request, name)
        body = None
        if request.method == "POST":
            body = json.loads(await request.read())
        self._check(request, name, body)
        self.calls.append((name, body))
        await self.note()
        if self._faults[name]:
            answer = await self._faults[name].pop(0)(request, body)
            return answer if answer is not None else web.Response()
        return web.json_response(await getattr(self, f"_{name}")(request, body))

    def _check(self, request: web.Request, name: str, body: Any) -> None:
        headers = request.headers
        if headers.get("iLink-App-Id") != "bot":
            self.complaints.append(f"{name}: no app id")
        if headers.get("iLink-App-ClientVersion") != "132105":
            self.complaints.append(f"{name}: no version")
        if "Cookie" in headers:
            self.complaints.append(f"{name}: cookies")
        if body is None:
            return
        drawn = headers.get("X-WECHAT-UIN", "")
        if drawn in self._drawn or not 0 <= int(base64.b64decode(drawn)) < 2**32:
            self.complaints.append(f"{name}: X-WECHAT-UIN {drawn!r}")
        self._drawn.add(drawn)
        if headers.get("AuthorizationType") != "ilink_bot_token":
            self.complaints.append(f"{name}: no AuthorizationType")
        if headers.get("Content-Type") != "application/json":
            self.complaints.append(f"{name}: no JSON")
        if name != "get_bot_qrcode" and body.get("base_info", {}).get("channel_version") != "2.4.9":
            self.complaints.append(f"{name}: no base_info")

    async def _get_bot_qrcode(self, request: web.Request, body: Any) -> Any:
        code = Code(f"code-{len(self.codes) + 1}")
        self.codes.append(code)
        await self.note()
        link = f"https://liteapp.weixin.qq.com/q/{code.id}"
        return {"qrcode": code.id, "qrcode_img_content": link, "ret": 0}

    async def _get_qrcode_status(self, request: web.Request, body: Any) -> Any:
        code = next(code for code in self.codes if code.id == request.query["qrcode"])
        if code.digits:
            given = request.query.get("verify_code")
            if given == code.digits:
                code.digits = ""
                return {"status": "scaned"}
            code.wrong += given is not None
            return {"status": "need_verifycode" if code.wrong < 3 else "verify_code_blocked"}
        before = code.answer
        await self._hold(lambda: code.answer is not before or before["status"] != "wait", 0.3)
        return code.answer

    def bot_of(self, request: web.Request) -> Bot | None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return next((bot for bot in self.bots if bot.token == token and bot.is_alive), None)

    async def _hold(self, done: Callable[[], object], hold_s: float) -> None:
        try:
            async with asyncio.timeout(hold_s), self._changed:
                await self._changed.wait_for(done)
        except TimeoutError:
            pass

    async def _getupdates(self, request: web.Request, body: Any) -> Any:
        bot = self.bot_of(request)
        if bot is None:
            return {"errcode": -14, "errmsg": "session timeout"}
        kind, _, number = body["get_updates_buf"].partition("/")
        start = int(number) if kind == bot.id else 0
        bot.acknowledged = max(bot.acknowledged, start)
        await self.note()
        await self._hold(lambda: len(bot.messages) > start or not bot.is_alive, self.hold_s)
        if not bot.is_alive:
            return {"ret": -14}
        messages = bot.messages[start:]
        cursor = f"{bot.id}/{start + len(messages)}"
        hold_ms = int(self.hold_s * 1000)
        return {
            "ret": 0,
            "msgs": messages,
            "get_updates_buf": cursor,
            "longpolling_timeout_ms": hold_ms,
        }

    async def _notifystart(self, request: web.Request, body: Any) -> Any:
        return {"ret": 0 if self.bot_of(request) else -14}

    _notifystop = _notifystart

    async def _sendmessage(self, request: web.Request, body: Any) -> Any:
        bot = self.bot_of(request)
        if bot is None:
            return {"ret": -14}
        message = body["msg"]
        (item,) = message["item_list"]
        bad = (
            message["message_type"] != 2 or message["message_state"] != 2 or message["from_user_id"]
        )
        if bad or set(item) - {"type", "text_item", "image_item", "video_item", "file_item"}:
            return {"ret": -2, "errmsg": "invalid arguments"}
        if message.get("context_token") != bot.context or bot.sends >= self.limit:
            return {"ret": -2, "errmsg": "prepare failed"}
        bot.sends += 1
        self.sent.append(message)
        await self.note()
        number = FIRST_MESSAGE_ID + 10_000 + len(self.sent)
        return {"ret": 0, "message_id": str(number) if self.id_as_text else number}

    async def _getuploadurl(self, request: web.Request, body: Any) -> Any:
        if not body.get("filekey") or not body.get("no_need_thumb"):
            return {"ret": -1}
        return {"upload_param": f"permit-{body['filekey']}", "ret": 0}

    async def _cdn(self, request: web.Request, name: str) -> web.StreamResponse:
        data = await request.read()
        self.calls.append((f"cdn {name}", data))
        if {"iLink-App-Id", "Authorization", "X-WECHAT-UIN"} & set(request.headers):
            self.complaints.append(f"{name}: headers of the API")
        await self.note()
        if self._faults[name]:
            answer = await self._faults[name].pop(0)(request, data)
            return answer if answer is not None else web.Response()
        param = request.query["encrypted_query_param"]
        if name == "download":
            if param not in self.files:
                return web.Response(status=404)
            return web.Response(body=self.files[param])
        if request.content_length != len(data) or request.method != "POST":
            self.complaints.append("upload: no Content-Length")
        self.files[f"file-{param}"] = data
        return web.Response(headers={"x-encrypted-param": f"file-{param}"})
