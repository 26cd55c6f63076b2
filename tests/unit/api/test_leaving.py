"""A caller who leaves is no failure of the gateway."""

import asyncio
import logging

import pytest

from .leaving import LeavingSlots, until_left
from .serving import Api

UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


@pytest.mark.parametrize(("route", "more"), [(b"events", b""), (b"ws", UPGRADE)])
async def test_before_a_stream_begins(
    route: bytes, more: bytes, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="openwx")
    api.gateway.streams = LeavingSlots(api.runner)
    _, writer = await asyncio.open_connection(api.host, api.port)
    writer.write(b"GET /openwx/%s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n" % (route, more))
    await until_left(caplog)
    writer.close()
    assert (await api.get("get_user_info")).status == 200
