"""A server with the answers of a test, and recorded answers of the real one."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec
from aiohttp import web

from openwx.transports.web.session import Cookie, Session, SyncKey

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

RECORDED = Path(__file__).parents[3] / "data" / "wire"

SESSION = Session(
    uin="2501234567",
    sid="sid+/=",
    skey="@crypt_1",
    pass_ticket="a%2Bb",
    domain="wx.qq.com",
    cookies=(Cookie("wxsid", "sid+/=", "wx.qq.com"),),
    sync_key=SyncKey(((1, 2), (3, 4))),
)


def recorded(name: str) -> bytes:
    return (RECORDED / name).read_bytes()


class Service:
    """Answers every request with ``handler``."""

    def __init__(self) -> None:
        self.handler: Handler | None = None
        self.bodies: list[bytes] = []
        self.requests: list[web.Request] = []
        self.url = ""
        self._answers: dict[str, bytes] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        assert self.handler is not None
        return await self.handler(request)

    def says(self, body: str | bytes, status: int = 200, *, cookie: str = "") -> None:
        async def handler(_: web.Request) -> web.StreamResponse:
            headers = {"Content-Type": "text/plain"} | ({"Set-Cookie": cookie} if cookie else {})
            content = body.encode() if isinstance(body, str) else body
            return web.Response(body=content, status=status, headers=headers)

        self.handler = handler

    def answers(self, call: str, body: bytes) -> None:
        """Answer this call, of several, like this."""

        async def handler(request: web.Request) -> web.StreamResponse:
            return web.Response(body=self._answers[request.path.rpartition("/")[2]])

        self._answers[call] = body
        self.handler = handler

    def tells(self, *records: Mapping[str, object]) -> None:
        """Serve these records from ``webwxbatchgetcontact``, for any ids."""
        self.says(msgspec.json.encode({"BaseResponse": {"Ret": 0}, "ContactList": records}))

    @property
    def asked(self) -> list[list[str]]:
        """The ids that each ``webwxbatchgetcontact`` asked for."""
        bodies = [msgspec.json.decode(body) for body in self.bodies]
        return [[one["UserName"] for one in body["List"]] for body in bodies]
