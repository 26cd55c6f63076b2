"""``poll_api`` is asked again and again, whatever it answers."""

import asyncio
import logging
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from openwx.config import ReportSettings
from openwx.reporter.poller import poll
from tests.patience import PATIENCE_S
from tests.served import served


class Polled:
    """Two routes: one that redirects to the other, as a server outside that calls our own API."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.statuses: list[int] = []
        self.location = "/api?x=1"
        self.pauses: list[float] = []
        self.running = asyncio.Event()
        self.enough = asyncio.Event()
        self.rounds = 1
        self.url = ""

    async def poll(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(str(request.rel_url))
        status = self.statuses.pop(0) if self.statuses else 302
        return web.Response(status=status, headers={"Location": self.location})

    async def api(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(str(request.rel_url))
        return web.Response(text="done")

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if len(self.pauses) >= self.rounds:
            self.enough.set()
            await asyncio.Event().wait()


@pytest.fixture
async def polled() -> AsyncIterator[Polled]:
    made = Polled()
    async with served({"/poll": made.poll, "/api": made.api}) as url:
        made.url = f"{url}/poll"
        yield made


async def _poll(polled: Polled, url: str | None = None) -> None:
    async with aiohttp.ClientSession() as http:
        settings = ReportSettings(poll_api=url or polled.url, poll_interval=7)
        task = asyncio.create_task(
            poll(
                settings,
                http,
                running=polled.running.wait,
                url_client=lambda: "me",
                pause=polled.pause,
            )
        )
        async with asyncio.timeout(PATIENCE_S):
            await polled.enough.wait()
        task.cancel()
        await asyncio.wait({task})


async def test_redirects_are_followed_and_the_interval_is_kept(polled: Polled) -> None:
    polled.rounds = 2
    polled.running.set()
    await _poll(polled)
    assert polled.asked == ["/poll?client=me", "/api?x=1"] * 2
    assert polled.pauses == [7, 7]


async def test_nothing_is_asked_before_the_account_runs(polled: Polled) -> None:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_poll(polled))
        await asyncio.sleep(0)
        assert polled.asked == []
        polled.running.set()
        await task
    assert len(polled.asked) == 2


async def test_trouble_is_reported_once_and_survived(
    polled: Polled, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    polled.running.set()
    polled.rounds = 4
    polled.statuses = [500, 404, 302]
    await _poll(polled)
    assert [record.message for record in caplog.records] == [
        "poll_api fails: HTTP 500",
        "poll_api works again",
    ]


@pytest.mark.parametrize("location", ["http://[]@", "http://a\\b/", "ftp://x/", "http://xn--/"])
async def test_a_redirect_to_no_address_is_survived(polled: Polled, location: str) -> None:
    polled.running.set()
    polled.rounds = 2
    polled.location = location
    await _poll(polled)
    assert polled.asked == ["/poll?client=me"] * 2


async def test_an_unreachable_address_is_survived(polled: Polled) -> None:
    polled.running.set()
    polled.rounds = 3
    await _poll(polled, "http://127.0.0.1:1/")
    assert polled.pauses == [7, 7, 7]
