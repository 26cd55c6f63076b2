"""What is in the store of media, and when: before a batch names it, and until nothing waits for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from openwx.accounts.media import keeping
from openwx.accounts.media.folder import key_of
from openwx.accounts.media.keeping import Keeper, tidy
from openwx.domain.media import StoredFile
from openwx.errors import LeaseLost
from openwx.lease import Gate, Lease
from openwx.steady import steady
from openwx.store.files import FileStoreError, FolderStore
from tests.patience import until

from .shelf import Process, Shelf


@pytest.fixture
def keeper(here: Process) -> Keeper:
    return Keeper("me", here.resources)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "LOOK_FIRST_S", 0.001)
    monkeypatch.setattr(keeping, "LOOK_MOST_S", 0.01)


@asynccontextmanager
async def running(keeper: Keeper) -> AsyncIterator[None]:
    task = asyncio.create_task(keeper.run())
    yield
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


async def named_by(keeper: Keeper, here: Process) -> StoredFile:
    """Put a file that a batch names, and return it."""
    file = await here.file()
    with keeper.naming([file.kept_as]):
        await keeper.keep([file.kept_as])
    return file


async def test_a_file_is_put_once_however_often_it_is_named(
    here: Process, keeper: Keeper, shelf: Shelf
) -> None:
    file = await here.file(b"content")
    await asyncio.gather(*(keeper.keep([file.kept_as]) for _ in range(3)))
    key = key_of(file.kept_as)
    assert (shelf.files, shelf.puts) == ({key: b"content"}, [key])


async def test_it_is_deleted_when_the_last_report_of_it_has_ended(
    here: Process, keeper: Keeper, shelf: Shelf
) -> None:
    file = await here.file()
    async with running(keeper):
        with keeper.naming([file.kept_as]):
            await keeper.keep([file.kept_as])
            reports = [await here.report(file.kept_as) for _ in range(2)]
        other = await here.file(b"another")
        with keeper.naming([other.kept_as]):
            await keeper.keep([other.kept_as])
        await until(lambda: key_of(other.kept_as) not in shelf.files)  # it has looked
        await here.delivers(reports[0])
        with keeper.naming([other.kept_as]):
            await keeper.keep([other.kept_as])  # it is put again
        await until(lambda: key_of(other.kept_as) not in shelf.files)
        assert key_of(file.kept_as) in shelf.files
        await here.delivers(reports[1])
        await until(lambda: not shelf.files)
    assert Path(file.path).exists()


async def test_what_a_batch_is_just_naming_is_not_deleted(
    here: Process, keeper: Keeper, shelf: Shelf
) -> None:
    file = await here.file()
    with keeper.naming([file.kept_as]):
        await keeper.keep([file.kept_as])
        keeper.watch([file.kept_as])
        await keeper._look()  # nothing in the journal names it yet
        assert shelf.files


async def test_what_was_named_anew_while_it_looked_is_not_deleted(
    here: Process, keeper: Keeper, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await named_by(keeper, here)
    files = here.journal.files

    async def and_then(account: str) -> set[str]:
        found = await files(account)
        with keeper.naming([file.kept_as]):
            await keeper.keep([file.kept_as])
            await here.report(file.kept_as)
        return found

    monkeypatch.setattr(here.journal, "files", and_then)
    await keeper._look()
    assert shelf.files


async def test_what_a_former_owner_has_put_is_deleted_too(
    here: Process, keeper: Keeper, shelf: Shelf
) -> None:
    file = await here.file()
    report = await here.report(file.kept_as)
    await keeper.keep([file.kept_as])
    next_owner = Keeper("me", here.resources)
    async with running(next_owner):
        await until(lambda: next_owner._to_look_at)
        await here.delivers(report)
        await until(lambda: not shelf.files)


async def test_what_the_next_owner_has_named_again_is_not_deleted_by_the_former_one(
    here: Process, keeper: Keeper, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The former one stood still after it had seen that nothing waits for the file, whatever its gate says."""
    file = await named_by(keeper, here)
    files = here.journal.files

    async def and_then(account: str) -> set[str]:
        found = await files(account)
        next_owner = Keeper("me", here.resources)
        with next_owner.naming([file.kept_as]):
            await next_owner.keep([file.kept_as])
            await here.report(file.kept_as)
        return found

    monkeypatch.setattr(here.journal, "files", and_then)
    await keeper._look()
    assert shelf.files


@pytest.mark.parametrize("when", ["before it looks", "before it deletes"])
async def test_one_that_is_lost_deletes_nothing(
    when: str, here: Process, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(Lease())
    keeper = Keeper("me", here.resources, gate)
    await named_by(keeper, here)
    files = here.journal.files

    async def and_then(account: str) -> set[str]:
        found = await files(account)
        gate.close()
        return found

    if when == "before it looks":
        gate.close()
    else:
        monkeypatch.setattr(here.journal, "files", and_then)
    with pytest.raises(LeaseLost):
        await keeper._look()
    assert shelf.files


async def test_in_a_pause_nothing_is_deleted(here: Process, shelf: Shelf) -> None:
    lease = Lease()
    keeper = Keeper("me", here.resources, Gate(lease))
    await named_by(keeper, here)
    lease.renew(steady() - 1)
    looking = asyncio.ensure_future(keeper._look())
    await asyncio.wait({looking}, timeout=0.1)
    assert shelf.files
    lease.renew(steady() + 3600)
    assert await looking
    assert not shelf.files


async def test_a_store_that_is_away_is_told_and_what_it_missed_is_put_later(
    here: Process,
    keeper: Keeper,
    shelf: Shelf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeping, "STORE_WITHIN_S", -0.9)
    shelf.is_away = True
    file = await here.file()
    with pytest.raises(FileStoreError, match="the shelf is away"):
        await keeper.keep([file.kept_as])
    with keeper.naming([file.kept_as]):
        await keeper.keep_if_possible([file.kept_as])
        await here.report(file.kept_as)
    monkeypatch.setattr(keeping, "STORE_WITHIN_S", 15.0)
    async with running(keeper):
        shelf.is_away = False
        await until(lambda: shelf.files)


async def test_while_the_store_is_away_nobody_waits_for_it_again(
    here: Process, keeper: Keeper, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr(keeping, "STORE_WITHIN_S", -0.9)
    shelf.is_away = True
    first, second = await here.file(), await here.file()
    await keeper.keep_if_possible([first.kept_as])
    assert "is on this node alone for now: the shelf is away" in caplog.text
    monkeypatch.setattr(keeping, "STORE_WITHIN_S", 3600.0)
    await keeper.keep_if_possible([second.kept_as])
    with pytest.raises(FileStoreError):
        await keeper.keep([second.kept_as])
    shelf.is_away = False
    await keeper.keep([second.kept_as])
    await keeper.keep_if_possible([first.kept_as])
    assert len(shelf.files) == 2


async def test_one_account_finds_out_for_all_that_the_store_is_away(
    here: Process, keeper: Keeper, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "STORE_WITHIN_S", -0.9)
    shelf.is_away = True
    await keeper.keep_if_possible([(await here.file(b"x" * 2**19)).kept_as])
    tried = shelf.tried
    assert tried
    monkeypatch.setattr(keeping, "STORE_WITHIN_S", 3600.0)
    await Keeper("another", here.resources).keep_if_possible([(await here.file()).kept_as])
    assert shelf.tried == tried


async def test_a_file_that_is_gone_is_not_tried_for_long(here: Process, keeper: Keeper) -> None:
    file = await here.file()
    Path(file.path).unlink()
    here.shelf.is_away = True
    with pytest.raises(FileStoreError):
        await keeper.keep([file.kept_as])


async def test_pending_files_of_a_former_store_are_put_into_this_one(
    here: Process, keeper: Keeper, shelf: Shelf
) -> None:
    """Also what a journal that was copied names by its path."""
    file, by_path = await here.file(b"one"), await here.file(b"two")
    await here.report(file.kept_as)
    await here.report(by_path.path)
    async with running(keeper):
        await until(lambda: len(shelf.files) == 2)
    assert shelf.files[key_of(by_path.kept_as)] == b"two"


async def test_files_of_callers_are_not_ours_to_store(
    here: Process, keeper: Keeper, shelf: Shelf, tmp_path: Path
) -> None:
    path = tmp_path / "20261127-0123456789abcdef-mine.txt"
    path.write_bytes(b"secret")
    await keeper.keep([str(path), "../x", "", "a.txt"])
    assert shelf.puts == []


async def test_with_the_folder_as_the_store_nothing_happens(here: Process) -> None:
    here.resources.media_store = FolderStore(is_shared=False)
    keeper = Keeper("me", here.resources)
    file = await named_by(keeper, here)
    await keeper.run()  # it returns
    assert not here.shelf.puts
    assert Path(file.path).exists()


async def test_orphans_are_deleted_and_nothing_else(here: Process, shelf: Shelf) -> None:
    needed, by_path, orphan, young = [await here.file(bytes([n])) for n in range(4)]
    keeper = Keeper("me", here.resources)
    await keeper.keep([one.kept_as for one in (needed, by_path, orphan, young)])
    shelf.old = [key_of(one.kept_as) for one in (needed, by_path, orphan)]
    elsewhere = f"/data/of/another/machine/media/{by_path.kept_as}"
    await tidy(shelf, here.folder, {needed.kept_as, elsewhere, "/home/of/a/caller.txt", ""})
    assert set(shelf.files) == {key_of(one.kept_as) for one in (needed, by_path, young)}


async def test_what_an_account_of_another_node_waits_for_is_put(
    here: Process, shelf: Shelf
) -> None:
    file, by_path = await here.file(b"one"), await here.file(b"two")
    gone = "20261127-0123456789abcdef-gone.txt"
    await tidy(shelf, here.folder, {file.kept_as, by_path.path, gone, "/tmp/x.txt"})
    assert sorted(shelf.files.values()) == [b"one", b"two"]
    await tidy(shelf, here.folder, {file.kept_as, by_path.path})
    assert len(shelf.puts) == 2
