"""What a task makes for a caller who is gone is closed, in whichever step it is made."""

import asyncio
import threading
from pathlib import Path

import aiohttp_socks
import pytest
from aiohttp import ClientTimeout

from openwx.cancelling import cancel_and_close, open_in_thread
from openwx.config.proxies import Proxy
from openwx.transports.socks import SocksConnector
from tests.patience import PATIENCE_S, until


class Made:
    """A connection."""

    is_closed = False

    def close(self) -> None:
        self.is_closed = True


class Making:
    """Makes a connection in two steps."""

    def __init__(self) -> None:
        self.made: list[Made] = []

    async def __call__(self, *_: object) -> Made:
        await asyncio.sleep(0)
        self.made.append(Made())
        return self.made[0]

    @property
    def open(self) -> list[object]:
        return [one for one in self.made if not one.is_closed]


@pytest.mark.parametrize("steps", range(4))
async def test_what_a_task_makes(steps: int) -> None:
    make = Making()
    task = asyncio.ensure_future(make())
    for _ in range(steps):
        await asyncio.sleep(0)
    cancel_and_close(task, Made.close)
    await asyncio.wait({task})
    await asyncio.sleep(0)
    assert make.open == []


async def test_a_file_that_is_opened_for_nobody() -> None:
    """Its thread goes on when the caller is gone."""
    made, goes_on = Made(), threading.Event()

    def open_file() -> Made:
        goes_on.wait(PATIENCE_S)
        return made

    opening = asyncio.create_task(open_in_thread(open_file))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert not made.is_closed
    goes_on.set()
    await until(lambda: made.is_closed)


async def test_a_file_that_is_opened(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    with await open_in_thread((tmp_path / "a").open) as file:
        assert file.read() == "a"
    with pytest.raises(FileNotFoundError):
        await open_in_thread((tmp_path / "b").open)


async def test_a_task_that_fails() -> None:
    task = asyncio.ensure_future(asyncio.wait_for(asyncio.Event().wait(), 0))
    await asyncio.wait({task})
    cancel_and_close(task, print)
    await asyncio.sleep(0)
    assert isinstance(task.exception(), TimeoutError)


@pytest.mark.parametrize("steps", range(6))
async def test_a_connection_through_a_socks_proxy(
    monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    make = Making()
    monkeypatch.setattr(aiohttp_socks.ProxyConnector, "connect", make.__call__)
    monkeypatch.setattr("aiohttp.connector.Connection", Made)
    async with SocksConnector(Proxy("socks5", "127.0.0.1", 1)) as connector:
        call = connector.connect(None, [], ClientTimeout(sock_connect=60))  # type: ignore[arg-type]
        asking = asyncio.ensure_future(call)
        for _ in range(steps):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait({asking})
        await asyncio.sleep(0)
        wanted: list[object] = [] if asking.cancelled() else [asking.result()]
        assert make.open == wanted
