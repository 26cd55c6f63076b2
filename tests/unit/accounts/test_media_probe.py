"""Whether nodes find out that their folders of media are one, are not, or do not answer."""

import os
import threading
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from openwx.accounts.media import probe
from openwx.accounts.media.folder import MediaFolder
from openwx.accounts.media.probe import SharedFolder
from tests.patience import until_seen


async def test_who_has_the_same_folder_is_found(tmp_path: Path) -> None:
    mine, other = uuid4(), uuid4()
    assert "of 1 of 2 nodes" in await SharedFolder(tmp_path).look(mine, [mine, other])
    assert await SharedFolder(tmp_path).look(other, [mine, other]) == ""
    assert await SharedFolder(tmp_path).look(mine, [mine, other]) == ""


async def test_who_has_another_one_is_not(tmp_path: Path) -> None:
    mine, other = uuid4(), uuid4()
    await SharedFolder(tmp_path / "there").look(other, [])
    words = await SharedFolder(tmp_path / "here").look(mine, [mine, other])
    assert str(tmp_path / "here") in words
    assert "mount the same one" in words


async def test_of_several_only_the_one_that_differs_is_wrong(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As far as that can be told: of two that differ neither is right."""
    nodes = [uuid4() for _ in range(5)]
    here = [SharedFolder(tmp_path / "here") for _ in nodes[:3]]
    there = [SharedFolder(tmp_path / "there") for _ in nodes[3:]]
    folders = dict(zip(nodes, here + there, strict=True))

    async def troubled(among: list[UUID]) -> list[bool]:
        for _ in range(2):  # the log says it after the third look
            for one in among:
                await folders[one].look(one, among)
        return [bool(await folders[one].look(one, among)) for one in among]

    a, b, c, d, e = nodes
    assert await troubled([a, b, d]) == [False, False, True]
    words = {one.partition(" is not ")[2] for one in caplog.messages}
    advice = "mount the same one on all of them, or choose another media.store"
    assert words == {
        f"the folder of media of 1 of 3 nodes: {advice}",
        f"the folder of media of 2 of 3 nodes: {advice}: this node takes no account",
    }
    assert await troubled(nodes) == [False, False, False, True, True]
    assert await troubled([a, b, d, e]) == [True, True, True, True]
    assert await troubled([a, d]) == [True, True]
    assert await troubled([a, b, c]) == [False, False, False]
    assert await troubled([d]) == [False]


async def test_a_membership_before_is_no_proof(tmp_path: Path) -> None:
    mine, former, other = uuid4(), uuid4(), uuid4()
    await SharedFolder(tmp_path).look(former, [])
    assert await SharedFolder(tmp_path).look(mine, [other]) != ""


async def test_a_probe_outlives_the_cleaning_of_the_folder(tmp_path: Path) -> None:
    mine = uuid4()
    shared = SharedFolder(tmp_path)
    await shared.look(mine, [])
    (file,) = tmp_path.iterdir()
    os.utime(file, (0, 0))
    await shared.look(mine, [])
    assert MediaFolder(tmp_path, max_size=1).clean(1, set()) == 0
    assert file.exists()


async def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    file = tmp_path / "media"
    file.touch()
    assert "cannot be used" in await SharedFolder(file).look(uuid4(), [])


async def test_a_mount_that_hangs_holds_one_thread_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    back, looks = threading.Event(), []
    shared, mine = SharedFolder(tmp_path), uuid4()
    look = shared._look

    def hang(*arguments: object) -> object:
        looks.append(arguments)
        back.wait()
        return look(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(shared, "_look", hang)
    monkeypatch.setattr(probe, "_PATIENCE_S", 0.01)
    for _ in range(4):
        assert "does not answer" in await shared.look(mine, [])
    assert len(looks) == 1
    assert "this node takes no account" in caplog.text
    back.set()
    assert await until_seen(lambda: shared.look(mine, []), lambda words: not words) == ""
