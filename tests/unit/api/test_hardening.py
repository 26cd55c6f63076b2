"""What the server needs of aiohttp besides its public names, and that this is in ``openwx/api/hardening.py`` alone."""

import asyncio
import inspect
import re

import aiohttp
import pytest
from aiohttp import web

from openwx.api import hardening
from openwx.api.connection import Connection
from openwx.api.server import Runner, Server
from tests.patience import PATIENCE_S

from .serving import Api

REQUEST = b"GET /openwx/get_user_info HTTP/1.1\r\nHost: localhost\r\n\r\n"
POLL = b"GET /openwx/check_event?timeout=60 HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def test_few_requests_are_parsed_ahead_of_an_answer(api: Api) -> None:
    reader, writer = await asyncio.open_connection(api.host, api.port)
    writer.write(POLL + 20 * REQUEST)
    async with asyncio.timeout(PATIENCE_S):
        await api.account.buffer.waiting.wait()
    assert api.runner.server is not None
    (one,) = api.runner.server.connections
    assert isinstance(one, Connection)
    ahead = len(one._messages)
    assert ahead == hardening.REQUESTS_AHEAD, (
        f"aiohttp {aiohttp.__version__} parsed {ahead} requests ahead, not {hardening.REQUESTS_AHEAD}:"
        " MAX_MSG_QUEUE_SIZE does not limit them any more"
    )
    api.account.buffer.put_json(b"{}")
    answers = b""
    async with asyncio.timeout(PATIENCE_S):
        while answers.count(b"HTTP/1.1 200 ") < 21:
            answers += await reader.read(65536)
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("ours", "base"),
    [(Connection, web.RequestHandler), (Server, web.Server), (Runner, web.ServerRunner)],
)
def test_classes_use_no_private_names_of_their_bases(ours: type, base: type) -> None:
    private = {name for name in dir(base) if name.startswith("_") and not name.startswith("__")}
    for kind in base.__mro__:
        private.update(name for name in vars(kind).get("__slots__", ()) if name.startswith("_"))
    private.update(re.findall(r"self\.(_[a-z]\w*)", inspect.getsource(base)))
    used = set(vars(ours))
    for function in vars(ours).values():
        code = getattr(getattr(function, "fget", function), "__code__", None)
        used.update(code.co_names if code else ())
    assert not private & used - {"_abc_impl"}
