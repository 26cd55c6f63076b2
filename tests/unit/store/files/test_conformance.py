"""What every store of media promises."""

import asyncio
import math
import os
from pathlib import Path

import pytest

from openwx.store.files import FileStoreError, NotStoredError
from openwx.store.postgres.files import DatabaseStore

from .conftest import Node, Open

KEY = "20261127-0123456789abcdef"
OTHER = "20261127-fedcba9876543210"
MOST = 32 * 2**20


def written(node: Node, content: bytes, key: str = KEY) -> Path:
    path = node.folder / f"{key}-photo.jpg"
    path.write_bytes(content)
    return path


async def fetched(node: Node, key: str = KEY, *, most: int = MOST) -> bytes:
    """Return a file as another node gets it: it lies in its folder, or the store writes it there."""
    path = node.folder / f"{key}-photo.jpg"
    if not path.exists():
        await node.store.get(key, path, most=most)
    return path.read_bytes()


@pytest.mark.parametrize("size", [1, 2**20 - 1, 2**20, 2**20 + 1, 12 * 2**20 + 7])
async def test_another_node_gets_what_was_put(here: Node, there: Node, size: int) -> None:
    content = os.urandom(size)
    await here.store.put(KEY, written(here, content))
    assert await fetched(there) == content


async def test_one_file_is_not_another(here: Node, there: Node) -> None:
    await here.store.put(KEY, written(here, b"one"))
    await here.store.put(OTHER, written(here, b"two", OTHER))
    assert (await fetched(there), await fetched(there, OTHER)) == (b"one", b"two")


async def test_what_was_never_put_is_not_there(here: Node) -> None:
    with pytest.raises(NotStoredError, match=KEY):
        await fetched(here)


async def test_a_file_is_put_twice_as_well(here: Node, there: Node) -> None:
    path = written(here, b"x" * (2**20 + 5))
    await asyncio.gather(here.store.put(KEY, path), here.store.put(KEY, path))
    await here.store.put(KEY, path)
    assert await fetched(there) == path.read_bytes()


async def test_it_says_that_others_see_it(here: Node) -> None:
    assert here.store.is_shared
    await here.store.check()


async def test_what_was_just_put_is_not_old(here: Node) -> None:
    await here.store.put(KEY, written(here, b"x"))
    assert await here.store.older(3600) == []


async def test_a_copy_is_deleted_once_and_as_often_as_anybody_likes(copying: Open) -> None:
    async with copying("here") as here, copying("there") as there:
        await here.store.put(KEY, written(here, b"x" * (2**20 + 5)))
        await here.store.put(OTHER, written(here, b"two", OTHER))
        await there.store.delete([KEY], put_before=math.inf)
        await here.store.delete([KEY, "20261127-0000000000000000"], put_before=math.inf)
        with pytest.raises(NotStoredError):
            await fetched(there)
        assert await fetched(there, OTHER) == b"two"


async def test_what_is_put_anew_outlives_a_late_deletion(copying: Open) -> None:
    """Of a bucket that is so to the second."""
    async with copying("here") as here, copying("there") as there:
        path = written(here, b"x" * (2**20 + 5))
        await here.store.put(KEY, path)
        began = await there.store.now()
        await there.store.delete([KEY], put_before=began)
        assert not await here.store.has(KEY)
        await here.store.put(KEY, path)
        await there.store.delete([KEY], put_before=began)
        if isinstance(there.store, DatabaseStore):
            assert await fetched(there) == path.read_bytes()
        await here.store.put(KEY, path)
        await there.store.delete([KEY], put_before=began - 2)
        assert await fetched(there) == path.read_bytes()


async def test_the_folder_keeps_its_files_for_those_who_were_told_their_paths(
    request: pytest.FixtureRequest,
) -> None:
    from .conftest import STORES

    async with STORES["folder"](request, "here") as here:
        path = written(here, b"x")
        await here.store.put(KEY, path)
        await here.store.delete([KEY], put_before=math.inf)
        assert (path.read_bytes(), here.store.has_copies) == (b"x", False)


async def test_what_is_old_is_listed(copying: Open) -> None:
    async with copying("here") as here:
        assert here.store.has_copies
        await here.store.put(KEY, written(here, b"x" * (2**20 + 5)))
        assert await here.store.older(-60) == [KEY]
        await here.store.delete([KEY], put_before=math.inf)
        assert await here.store.older(-60) == []


async def test_it_says_what_it_has(copying: Open) -> None:
    async with copying("here") as here, copying("there") as there:
        assert not await there.store.has(KEY)
        await here.store.put(KEY, written(here, b"x"))
        assert (await there.store.has(KEY), await there.store.has(OTHER)) == (True, False)


async def test_more_than_media_may_have_is_not_got(copying: Open) -> None:
    async with copying("here") as here, copying("there") as there:
        await here.store.put(KEY, written(here, b"x" * (2**20 + 5)))
        with pytest.raises(NotStoredError, match=r"larger than media.max_size"):
            await fetched(there, most=2**20)


async def test_no_key_of_a_stranger_is_taken(copying: Open) -> None:
    async with copying("here") as here:
        for key in ("../../etc/passwd", "20261127-0123456789abcdef/..", "", "照片.jpg", f"{KEY}-a"):
            with pytest.raises(ValueError, match="no key"):
                await here.store.put(key, written(here, b"x"))
            with pytest.raises(ValueError, match="no key"):
                await here.store.get(key, here.folder / "got", most=MOST)


async def test_a_file_that_is_gone_cannot_be_put(copying: Open) -> None:
    async with copying("here") as here, copying("there") as there:
        with pytest.raises(FileStoreError):
            await here.store.put(KEY, here.folder / "gone")
        with pytest.raises(NotStoredError):
            await fetched(there)
