"""The folder of media: no name from outside leaves it, overwrites another file, or is seen by others."""

import asyncio
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwx.accounts.media.folder import (
    EmptyError,
    MediaFolder,
    TooLargeError,
    safe_name,
)
from openwx.domain.media import StoredFile
from openwx.simulator.media import PNG
from tests.patience import PATIENCE_S, until

EVIL_NAMES = [
    ("../evil.txt", "evil.txt"),
    ("..\\..\\evil.txt", "evil.txt"),
    ("/etc/passwd", "passwd"),
    ("C:\\Windows\\system.ini", "system.ini"),
    ("..", ""),
    (".", ""),
    ("", ""),
    ("a/", "a"),
    ("  .hidden. ", "hidden"),
    ("a\0b\x1bc\r\n.txt", "abc.txt"),
    ("报告 & <1>.docx", "报告 & _1_.docx"),
    ("CON?*|.txt", "CON___.txt"),
    ("a\u202etxt.exe", "atxt.exe"),
]


@pytest.fixture
def folder(tmp_path: Path) -> MediaFolder:
    return MediaFolder(tmp_path / "media", max_size=1_000_000)


async def stored(folder: MediaFolder, data: bytes, name: str = "") -> StoredFile:
    async with folder.receive(name) as incoming:
        await incoming.write(data)
        return await incoming.finish()


async def test_nothing_stays_of_a_file_that_is_opened_for_nobody(
    folder: MediaFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thread goes on when the caller is gone."""
    goes_on, fdopen, opened = threading.Event(), os.fdopen, []

    def opens(*given: Any, **more: Any) -> Any:
        goes_on.wait(PATIENCE_S)
        opened.append(fdopen(*given, **more))
        return opened[0]

    monkeypatch.setattr(os, "fdopen", opens)
    storing = asyncio.create_task(stored(folder, b"data"))
    await until(lambda: folder.path.is_dir() and any(folder.path.iterdir()))
    storing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await storing
    goes_on.set()
    await until(lambda: not any(folder.path.iterdir()))
    assert opened[0].closed


@pytest.mark.parametrize(("name", "safe"), EVIL_NAMES)
def test_safe_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@given(
    st.text() | st.lists(st.sampled_from(["..", "/", "\\", "a", ".", "\0", "字", " "])).map("".join)
)
def test_no_name_leaves_its_folder(name: str) -> None:
    safe = safe_name(name)
    assert len(safe.encode()) <= 120
    path = Path("/folder") / f"x-{safe}"
    assert os.path.normpath(path) == str(path)
    assert path.parent == Path("/folder")


def test_a_long_name_keeps_its_extension() -> None:
    safe = safe_name("很" * 200 + ".docx")
    assert safe.endswith("很.docx")
    assert len(safe.encode()) <= 120


async def test_what_comes_is_kept_typed_and_private(folder: MediaFolder) -> None:
    data = PNG + bytes(300_000)
    file = await stored(folder, data)
    path = Path(file.path)
    assert path.read_bytes() == data
    assert (file.mime, file.ext, file.size, path.suffix) == ("image/png", "png", len(data), ".png")
    assert path.stat().st_mode & 0o777 == 0o600
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert file.name == path.name


async def test_the_content_decides_and_the_name_is_a_hint(folder: MediaFolder) -> None:
    picture = await stored(folder, b"GIF89a" + bytes(20), "a.jpg")
    assert (picture.mime, picture.ext) == ("image/gif", "gif")
    assert Path(picture.path).name.endswith("-a.jpg")
    table = await stored(folder, b"a,b\n1,2\n", "a.csv")
    assert (table.mime, table.ext) == ("text/csv", "csv")
    odd = await stored(folder, b"\1\2\3", "a.xyz123")
    assert (odd.mime, odd.ext) == ("application/octet-stream", "xyz123")
    odd = await stored(folder, b"\1\2\3", "a.<b>")
    assert odd.ext == "bin"


async def test_two_of_one_name(folder: MediaFolder) -> None:
    first, second = await stored(folder, b"1", "a.txt"), await stored(folder, b"2", "a.txt")
    assert first.path != second.path
    assert (Path(first.path).read_bytes(), Path(second.path).read_bytes()) == (b"1", b"2")


async def test_what_is_not_kept_leaves_nothing(folder: MediaFolder) -> None:
    with pytest.raises(TooLargeError, match=r"media\.max_size"):
        await stored(folder, bytes(1_000_001))
    with pytest.raises(EmptyError):
        await stored(folder, b"")
    async with folder.receive("a") as incoming:
        await incoming.write(bytes(500_000))
    assert list(folder.path.iterdir()) == []


async def test_old_files_go_unless_they_are_wanted(folder: MediaFolder) -> None:
    old, wanted, fresh = [await stored(folder, b"x", name) for name in ("old", "wanted", "fresh")]
    for file in (old, wanted):
        os.utime(file.path, (time.time() - 7.1 * 86400,) * 2)
    assert folder.clean(7, {wanted.path}) == 1
    left = {str(path) for path in folder.path.iterdir()}
    assert left == {wanted.path, fresh.path}


def test_no_folder_is_clean(folder: MediaFolder) -> None:
    assert folder.clean(7, set()) == 0
