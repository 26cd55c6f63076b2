"""Files of reports and sends, wherever they are: found, fetched once, or told to be gone."""

import asyncio
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from msgspec.structs import replace

from openwx.accounts.media import keeping
from openwx.accounts.media.files import AccountFiles
from openwx.accounts.media.folder import key_of
from openwx.accounts.media.resolver import medium_of
from openwx.config import ReportSettings
from openwx.domain.contact_book import ContactBook
from openwx.domain.contacts import User
from openwx.domain.media import MediaRef, StoredFile
from openwx.errors import Rejected
from openwx.store.files import FileStoreError, FolderStore, NotStoredError
from openwx.store.records import WriteBatch
from openwx.transports.base import Write

from .shelf import Process, Shelf

REF = MediaRef(kind="file", msg_id="77", name="a.txt")


class WeChat:
    """Has one file, perhaps. Also the status of an account that runs."""

    identity = None

    def __init__(self) -> None:
        self.contacts = ContactBook(User(id="@me"))
        self.content = b""
        self.asked = 0

    async def download(self, ref: MediaRef, write: Write) -> None:
        self.asked += 1
        if not self.content:
            raise Rejected("download", 1)
        await write(self.content)

    async def until_usable(self) -> None:
        """Return at once."""


@pytest.fixture
def wechat() -> WeChat:
    return WeChat()


@pytest.fixture
def elsewhere(tmp_path: Path, here: Process, shelf: Shelf) -> Process:
    """Return another node, with the same journal and a folder of its own."""
    return Process(here.journal, tmp_path / "elsewhere" / "media", shelf)


def files_of(process: Process, wechat: WeChat, *, post_media_data: bool = True) -> AccountFiles:
    itself = cast("Any", wechat)
    settings = ReportSettings(post_media_data=post_media_data)
    return AccountFiles("me", settings, process.resources, transport=itself, status=itself)


def digest_of(file: StoredFile) -> bytes:
    return msgspec.json.encode(
        {
            "class": "recv",
            "content": f"[media]({file.path})",
            "media_path": file.path,
            "media_size": str(file.size),
            "media_id": "77:6",
        }
    )


async def kept(process: Process, wechat: WeChat, content: bytes = b"content") -> StoredFile:
    file = await process.file(content)
    await files_of(process, wechat).keeper.keep([file.kept_as])
    return file


async def test_another_node_gets_the_file_and_tells_its_own_path(
    here: Process, elsewhere: Process, wechat: WeChat
) -> None:
    file = await kept(here, wechat)
    report = await here.report(file.kept_as, digest_of(file))
    found = await files_of(elsewhere, wechat).at_hand(report)
    path = elsewhere.folder.path / file.kept_as
    assert (found.attachment, path.read_bytes()) == (str(path), b"content")
    body = msgspec.json.decode(found.body)
    assert (body["media_path"], body["content"]) == (str(path), f"[media]({path})")
    assert path.stat().st_mode & 0o777 == 0o600


async def test_what_is_delivered_is_deleted_from_the_store_afterwards(
    here: Process, elsewhere: Process, wechat: WeChat, shelf: Shelf
) -> None:
    file = await kept(here, wechat)
    report = await here.report(file.kept_as, digest_of(file))
    files = files_of(elsewhere, wechat)
    await files.at_hand(report)
    await here.delivers(report)
    assert shelf.files
    await files.keeper._look()
    assert not shelf.files


@pytest.mark.parametrize(
    "body", [b"{broken", b'{"media_id":"\xff"}', b'{"x":' + b"[" * 100_000], ids=range(3)
)
async def test_a_report_that_cannot_be_read_has_no_file(
    here: Process, elsewhere: Process, wechat: WeChat, body: bytes
) -> None:
    file = await kept(here, wechat)
    report = await here.report(file.kept_as, body)
    assert not (await files_of(elsewhere, wechat).at_hand(report)).attachment


async def test_the_report_stays_as_it_is_where_it_was_recorded(
    here: Process, wechat: WeChat, shelf: Shelf
) -> None:
    file = await kept(here, wechat)
    report = await here.report(file.kept_as, digest_of(file))
    found = await files_of(here, wechat).at_hand(report)
    assert (found.body, found.attachment, shelf.gets) == (report.body, file.path, [])


async def test_a_file_is_fetched_once_for_all_who_want_it(
    here: Process, elsewhere: Process, wechat: WeChat, shelf: Shelf
) -> None:
    file = await kept(here, wechat)
    report = await here.report(file.kept_as, digest_of(file))
    files = files_of(elsewhere, wechat)
    found = await asyncio.gather(*(files.at_hand(report) for _ in range(5)))
    assert len({one.attachment for one in found}) == 1
    assert len(shelf.gets) == 1
    assert [one.name for one in elsewhere.folder.path.iterdir()] == [file.kept_as]


@pytest.mark.parametrize("damage", [b"cut", None])
async def test_what_the_store_has_not_is_asked_of_wechat(
    here: Process, elsewhere: Process, wechat: WeChat, shelf: Shelf, damage: bytes | None
) -> None:
    file = await kept(here, wechat)
    known = {"77": msgspec.json.encode({"media_id": "77:6", "ref": msgspec.to_builtins(REF)})}
    await here.journal.write(WriteBatch(account="me", media=known))
    report = await here.report(file.kept_as, digest_of(file))
    shelf.files.clear()
    if damage is not None:
        shelf.files[key_of(file.kept_as)] = damage
    wechat.content = b"content"
    found = await files_of(elsewhere, wechat).for_delivery(report)
    assert Path(found.attachment).read_bytes() == b"content"
    assert [one.name for one in elsewhere.folder.path.iterdir()] == [file.kept_as]


async def test_readers_of_old_reports_cause_no_calls(
    here: Process, elsewhere: Process, wechat: WeChat, shelf: Shelf
) -> None:
    file = await kept(here, wechat)
    known = {"77": msgspec.json.encode({"media_id": "77:6", "ref": msgspec.to_builtins(REF)})}
    await here.journal.write(WriteBatch(account="me", media=known))
    report = await here.report(file.kept_as, digest_of(file))
    shelf.files.clear()
    wechat.content = b"content"
    found = await files_of(elsewhere, wechat).at_hand(report)
    assert (found.attachment, wechat.asked) == ("", 0)


async def test_what_is_nowhere_is_left_out_in_words(
    here: Process, elsewhere: Process, wechat: WeChat, shelf: Shelf, caplog: Any
) -> None:
    file = await kept(here, wechat)
    known = {"77": msgspec.json.encode({"media_id": "77:6", "ref": msgspec.to_builtins(REF)})}
    await here.journal.write(WriteBatch(account="me", media=known))
    report = await here.report(file.kept_as, digest_of(file))
    shelf.files.clear()
    found = await files_of(elsewhere, wechat).for_delivery(report)
    assert (found.attachment, found.body) == ("", report.body)
    assert "media_data is left out" in caplog.text
    assert "is not on the shelf, and WeChat did not give it" in caplog.text
    assert not [*elsewhere.folder.path.iterdir()]


async def test_a_store_that_is_away_holds_nothing_up_for_long(
    here: Process,
    elsewhere: Process,
    wechat: WeChat,
    shelf: Shelf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeping, "STORE_WITHIN_S", -0.9)
    file = await kept(here, wechat)
    report = await here.report(file.kept_as, digest_of(file))
    shelf.is_away = True
    found = await files_of(elsewhere, wechat).for_delivery(report)
    assert found.attachment == ""


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "20261127-0123456789abcdef-../../x",
        "20261127-0123456789abcdef-a\0b",
        "20261127-0123456789abcdef",
        "etc",
        "a/20261127-0123456789abcdef-x.txt",
    ],
)
@pytest.mark.parametrize("is_shared", [True, False])
async def test_no_other_file_is_ever_read(
    here: Process, wechat: WeChat, name: str, is_shared: bool
) -> None:
    if not is_shared:
        here.resources.media_store = FolderStore(is_shared=False)
    report = await here.report(name, b"{}")
    found = await files_of(here, wechat).at_hand(report)
    assert found.attachment == ""
    assert files_of(here, wechat).named(report).attachment == ""


async def test_a_process_alone_finds_files_by_path_and_by_name(
    here: Process, wechat: WeChat, shelf: Shelf
) -> None:
    """Journals of former versions have paths."""
    here.resources.media_store = FolderStore(is_shared=False)
    files = files_of(here, wechat)
    file = await here.file()
    for attachment in (file.path, file.kept_as):
        report = await here.report(attachment, digest_of(file))
        found = await files.at_hand(report)
        assert (found.attachment, found.body) == (file.path, report.body)
    assert (shelf.puts, shelf.gets) == ([], [])


async def test_a_path_of_another_machine_is_looked_for_by_its_name(
    here: Process, elsewhere: Process, wechat: WeChat
) -> None:
    file = await kept(here, wechat)
    Path(file.path).unlink()
    report = await here.report(file.path, digest_of(file))
    found = await files_of(elsewhere, wechat).at_hand(report)
    assert found.attachment == str(elsewhere.folder.path / file.kept_as)


async def test_without_media_data_there_is_a_path_alone(
    here: Process, elsewhere: Process, wechat: WeChat
) -> None:
    file = await kept(here, wechat)
    report = await here.report(file.kept_as, digest_of(file))
    files = files_of(elsewhere, wechat, post_media_data=False)
    found = await files.at_hand(report)
    assert found.attachment == ""
    assert Path(msgspec.json.decode(found.body)["media_path"]).read_bytes() == b"content"
    assert files.named(report).attachment == ""
    assert files.attachment_of(medium_of(file, None)) == file.kept_as


async def test_a_file_to_send_must_be_the_one_that_was_accepted(
    here: Process, elsewhere: Process, wechat: WeChat, shelf: Shelf
) -> None:
    file = await kept(here, wechat)
    attached = medium_of(file, None)
    files = files_of(elsewhere, wechat)
    shelf.files[key_of(file.kept_as)] = b"CONTENT"
    with pytest.raises(NotStoredError, match="has changed"):
        await files.found(attached)
    shelf.files[key_of(file.kept_as)] = b"content"
    found = await files.found(attached)
    assert found == replace(attached, path=str(elsewhere.folder.path / file.kept_as))
    assert Path(found.path).read_bytes() == b"content"


async def test_a_file_from_elsewhere_is_taken_as_it_is(
    here: Process, wechat: WeChat, tmp_path: Path
) -> None:
    file = replace(medium_of(await here.file(), None), kept_as="", path=str(tmp_path / "gone"))
    assert await files_of(here, wechat).found(file) == file


async def test_what_is_larger_than_media_may_be_is_not_taken(
    here: Process, elsewhere: Process, wechat: WeChat, shelf: Shelf
) -> None:
    file = await kept(here, wechat)
    wechat.content = b"x" * 2_000_000
    shelf.files.clear()
    with pytest.raises((NotStoredError, FileStoreError)):
        await files_of(elsewhere, wechat).found(medium_of(file, None), REF)
    assert not [*elsewhere.folder.path.iterdir()]
