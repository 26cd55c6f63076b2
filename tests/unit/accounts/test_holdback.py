"""A report that waits for its media holds back its own chat, and no other."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import cast

import pytest
from msgspec.structs import replace

from openwx.accounts.holdback import HoldBack
from openwx.accounts.media_download import MediaDownloader
from openwx.accounts.publisher import Publisher, RecordedReport
from openwx.reporter.payload import Payload
from openwx.store.records import Report


class Scene:
    """A downloader whose media come when the test says so, and a subscriber."""

    def __init__(self) -> None:
        self.published: list[str] = []
        self.asked: list[str] = []
        self._coming: dict[str, asyncio.Event] = {}
        self.hold_back = HoldBack("me", Publisher([self]), cast("MediaDownloader", self))
        self._number = 0

    def adds(self, name: str, chat: str = "a", *, file: bool = False) -> None:
        self._number += 1
        self._coming[name] = asyncio.Event()
        report = Report(
            id=self._number,
            account="me",
            chat=chat,
            kind="receive_message",
            uid=name,
            body=b"{}",
            created=0.0,
            media=b"ref" if file else b"",
        )
        self.hold_back.add([RecordedReport(report, {"name": name})])

    def comes(self, name: str) -> None:
        self._coming[name].set()

    async def complete(self, recorded: RecordedReport) -> RecordedReport:
        name = recorded.report.uid
        self.asked.append(name)
        await self._coming[name].wait()
        return RecordedReport(replace(recorded.report, media=b"", body=b"done"), {"name": name})

    def on_report(self, report: Report, payload: Payload) -> None:
        assert not report.media
        assert payload == {"name": report.uid}
        self.published.append(report.uid)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    task = asyncio.create_task(scene.hold_back.run())
    yield scene
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_is_complete_is_published_at_once(scene: Scene) -> None:
    scene.adds("1")
    scene.adds("2", "b")
    assert scene.published == ["1", "2"]


async def test_media_hold_back_their_chat_alone(scene: Scene) -> None:
    scene.adds("picture", file=True)
    scene.adds("after")
    scene.adds("elsewhere", "b")
    await turns()
    assert scene.published == ["elsewhere"]
    scene.comes("picture")
    await turns()
    assert scene.published == ["elsewhere", "picture", "after"]
    scene.adds("later")
    assert scene.published[-1] == "later"


async def test_media_are_fetched_side_by_side_and_published_in_order(scene: Scene) -> None:
    for name in ("1", "2", "3"):
        scene.adds(name, file=True)
    scene.adds("4")
    await turns()
    assert scene.asked == ["1", "2", "3"]
    scene.comes("2")
    scene.comes("3")
    await turns()
    assert scene.published == []
    scene.comes("1")
    await turns()
    assert scene.published == ["1", "2", "3", "4"]


async def test_what_came_before_the_start_is_fetched_too() -> None:
    scene = Scene()
    scene.adds("1", file=True)
    scene.comes("1")
    task = asyncio.create_task(scene.hold_back.run())
    await turns()
    assert scene.published == ["1"]
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
