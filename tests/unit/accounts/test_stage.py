"""What waits for its medium holds up its own chat, and nobody else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from openwx.accounts.holdback import HoldBack, RecordedReport
from openwx.store.records import Report


class Scene:
    """A stage whose media come when the test says so."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self.asked: list[str] = []
        self._coming: dict[str, asyncio.Event] = {}
        self._changed = asyncio.Condition()
        self.stage = HoldBack("me", self._pass_on)
        self._number = 0

    def put(self, name: str, chat: str = "a", *, medium: bool = False) -> None:
        self._number += 1
        self._coming[name] = asyncio.Event()
        upload = Report(
            id=self._number,
            account="me",
            chat=chat,
            kind="receive_message",
            uid=name,
            body=b"{}",
            created=0.0,
            media=b"ref" if medium else b"",
        )
        self.stage.put(RecordedReport(upload, {"name": name}))

    def comes(self, name: str) -> None:
        self._coming[name].set()

    async def complete(self, told: RecordedReport) -> RecordedReport:
        self.asked.append(told.upload.uid)
        await self._coming[told.upload.uid].wait()
        return RecordedReport(
            replace(told.upload, media=b"", body=b"done"), {"name": told.upload.uid}
        )

    def _pass_on(self, told: RecordedReport) -> None:
        assert not told.upload.media
        self.passed.append(told.upload.uid)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    task = asyncio.create_task(scene.stage.run(scene.complete))
    yield scene
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_is_complete_passes_at_once(scene: Scene) -> None:
    scene.put("1")
    scene.put("2", "b")
    assert scene.passed == ["1", "2"]


async def test_a_medium_holds_up_its_chat_alone(scene: Scene) -> None:
    scene.put("picture", medium=True)
    scene.put("after")
    scene.put("elsewhere", "b")
    await turns()
    assert scene.passed == ["elsewhere"]
    scene.comes("picture")
    await turns()
    assert scene.passed == ["elsewhere", "picture", "after"]
    scene.put("later")
    assert scene.passed[-1] == "later"


async def test_media_are_fetched_side_by_side_and_told_in_order(scene: Scene) -> None:
    for name in ("1", "2", "3"):
        scene.put(name, medium=True)
    scene.put("4")
    await turns()
    assert scene.asked == ["1", "2", "3"]
    scene.comes("2")
    scene.comes("3")
    await turns()
    assert scene.passed == []
    scene.comes("1")
    await turns()
    assert scene.passed == ["1", "2", "3", "4"]


async def test_what_came_before_the_start_is_fetched_too() -> None:
    scene = Scene()
    scene.put("1", medium=True)
    scene.comes("1")
    task = asyncio.create_task(scene.stage.run(scene.complete))
    await turns()
    assert scene.passed == ["1"]
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
