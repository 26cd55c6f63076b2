"""Guesses at the token become slow, by the address that they come from; the right one is let in at once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from openwx.api import server, wrong_tokens
from openwx.config import AccessSettings

from .typed import Typed
from .world import Gateway, World

TOKEN = "Zr8wq2xkV5nTj1mYb7Lc"
LATE_S = 60.0


@pytest.fixture(autouse=True)
def late_answers_never_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrong_tokens, "LONGEST_PAUSE_S", LATE_S)


@pytest.fixture(autouse=True)
def a_stop_waits_for_no_late_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SHUTDOWN_S", 0.1)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        yield http


async def guarded(world: World, **access: Any) -> Gateway:
    settings = world.settings().model_copy(
        update={"access": AccessSettings.model_validate({"token": TOKEN, **access})}
    )
    return await world.start(settings=settings)


async def guess(
    http: aiohttp.ClientSession, gateway: Gateway, path: str, n: int, **headers: str
) -> list["asyncio.Task[int]"]:
    """Try ``n`` wrong tokens at once; those that are answered late are still under way."""

    async def one(number: int) -> int:
        bearer = {"Authorization": f"Bearer guess{number}", **headers}
        async with http.get(f"{gateway.url}{path}", headers=bearer) as response:
            return response.status

    tasks = [asyncio.create_task(one(number)) for number in range(n)]
    # With n guesses, 2 ** (n - 6) seconds are the longest of the pauses; five are answered at once.
    done = 0
    while done < wrong_tokens.FREE_TRIES:
        finished, _ = await asyncio.wait(tasks, timeout=LATE_S, return_when=asyncio.FIRST_COMPLETED)
        assert finished, "the first ones are answered at once"
        done = sum(task.done() for task in tasks)
        if done < wrong_tokens.FREE_TRIES:
            await asyncio.wait(
                [task for task in tasks if not task.done()], return_when=asyncio.FIRST_COMPLETED
            )
    return tasks


async def leave(tasks: list["asyncio.Task[int]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("path", ["/openwx/check_client", "/metrics", "/readyz", "/openwx/ws"])
async def test_they_are_answered_late_and_the_right_token_at_once(
    world: World, http: aiohttp.ClientSession, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await guarded(world)
    tasks = await guess(http, gateway, path, 20)
    assert not all(task.done() for task in tasks)
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert (await gateway.call("check_client", headers=bearer)).status == 200
    assert (await gateway.get("check_client", token=TOKEN)).status == 200
    assert not all(task.done() for task in tasks), "the right token overtook them"
    # A caller without a token is no guesser.
    assert (await gateway.call("check_client")).status == 401
    assert "6 wrong tokens from 127.0.0.1" in caplog.text
    assert "guess1" not in caplog.text
    await leave(tasks)


async def test_late_answers_do_not_fill_the_connections(
    world: World, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrong_tokens, "MOST_PAUSES", 3)
    gateway = await guarded(world)
    tasks = await guess(http, gateway, "/openwx/check_client", 40)
    async with asyncio.timeout(LATE_S / 2):
        while sum(task.done() for task in tasks) < 37:
            pending = [task for task in tasks if not task.done()]
            await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
    assert {task.result() for task in tasks if task.done()} == {401}
    await leave(tasks)


async def test_behind_a_trusted_proxy_callers_are_separate(
    world: World, http: aiohttp.ClientSession
) -> None:
    gateway = await guarded(world, trusted_proxies=["127.0.0.0/8"])
    forwarded = {"X-Forwarded-For": "203.0.113.1, 198.51.100.7"}
    tasks = await guess(http, gateway, "/openwx/check_client", 20, **forwarded)
    assert not all(task.done() for task in tasks)
    others = await guess(
        http, gateway, "/openwx/check_client", 5, **{"X-Forwarded-For": "198.51.100.8"}
    )
    assert [task.result() for task in others] == [401] * 5
    right = {"Authorization": f"Bearer {TOKEN}", **forwarded}
    assert (await gateway.call("check_client", headers=right)).status == 200
    await leave(tasks)


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("123456", "it can be guessed"),
        ("my-secret-token-for-wechat", "it can be guessed"),
        ("h4Kq9xWz2P", "rather short"),
    ],
)
async def test_short_tokens_are_warned_about(typed: Typed, token: str, words: str) -> None:
    code, out, err = await typed("check-config", OPENWX_ACCESS__TOKEN=token)
    assert code == 0
    assert words in out + err
    assert token not in out + err


async def test_long_ones_are_not(typed: Typed) -> None:
    code, out, err = await typed("check-config", OPENWX_ACCESS__TOKEN=TOKEN)
    assert (code, "access.token" in out + err) == (0, False)
