"""``check_event`` answers when there is something, when its time is over, and when the server stops."""

import asyncio

import pytest

from tests.patience import PATIENCE_S

from .serving import Api


async def test_at_once_if_there_are_any(api: Api) -> None:
    api.account.buffer.put_json(b'{"n":1}')
    api.account.buffer.put_json('{"n":"二"}'.encode())
    assert (await api.get("check_event")).json == [{"n": 1}, {"n": "二"}]
    assert (await api.get("check_event", timeout="0")).json == []


async def test_as_soon_as_there_is_one(api: Api) -> None:
    call = asyncio.create_task(api.get("check_event", timeout="300"))
    await api.account.buffer.waiting.wait()
    api.account.buffer.put_json(b'{"n":1}')
    assert (await call).json == [{"n": 1}]


@pytest.mark.parametrize("timeout", ["-1", "300.5", "nan", "inf", "soon", "1e999"])
async def test_timeouts_that_cannot_be(api: Api, timeout: str) -> None:
    reply = await api.get("check_event", timeout=timeout)
    assert (reply.status, reply.code) == (400, -2)
    assert "timeout must be a number of seconds from 0 to 300" in reply.words


async def test_nothing_is_taken_for_a_caller_who_went_away(api: Api) -> None:
    _, writer = await asyncio.open_connection(api.host, api.port)
    writer.write(b"GET /openwx/check_event HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await api.account.buffer.waiting.wait()
    writer.close()
    await writer.wait_closed()
    api.account.buffer.put_json(b'{"n":1}')
    assert (await api.get("check_event", timeout="0")).json == [{"n": 1}]


async def test_of_two_who_wait_one_gets_it_and_the_other_waits_on(api: Api) -> None:
    calls = {asyncio.create_task(api.get("check_event")) for _ in range(2)}
    while api.runner.server is None or len(api.runner.server.connections) < 2:
        await asyncio.sleep(0)
    await api.account.buffer.waiting.wait()
    api.account.buffer.put_json(b"1")
    done, rest = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    api.account.buffer.put_json(b"2")
    await asyncio.wait(rest)
    assert sorted(task.result().body for task in done | rest) == [b"[1]", b"[2]"]


async def test_a_stop_answers_who_waits(api: Api) -> None:
    call = asyncio.create_task(api.get("check_event", timeout="300"))
    await api.account.buffer.waiting.wait()
    async with asyncio.timeout(PATIENCE_S):
        await api.runner.cleanup()
        assert (await call).json == []
