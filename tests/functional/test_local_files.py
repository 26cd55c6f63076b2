"""Which files of this machine can be sent: those below the roots, nothing of openwx's own; and no answer shows more."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from openwx.simulator.media import PNG
from tests.reply import Reply

from .world import Gateway, World

ROUTES = ("upload_media", "send_friend_message")
pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs links")


@pytest.fixture
def root(world: World) -> Path:
    """Return the only root. The data folder lies below it, as it does below a home folder."""
    return world.data_dir.parent


@pytest.fixture
async def gateway(world: World, root: Path, tmp_path: Path) -> AsyncIterator[Gateway]:
    config = root / "config.toml"
    config.write_text('[access]\ntoken = "very-secret"\n')
    (root / "log.txt").write_text("log")
    settings = world.settings(media={"roots": [str(root)]})
    settings = settings.model_copy(update={"log_path": root / "log.txt"}).read_from(config)
    gateway = await world.run(settings=settings)
    yield gateway
    assert world.account.sent == []


async def refused(gateway: Gateway, path: str | Path) -> Reply:
    """All routes refuse it in the same words."""
    replies = [await gateway.post(one, id="filehelper", media_path=str(path)) for one in ROUTES]
    assert {(one.status, one.code) for one in replies} == {(403, -8)}, (path, replies[0].words)
    return replies[0]


async def test_the_data_folder_is_never_sent(gateway: Gateway, world: World, root: Path) -> None:
    data = world.data_dir
    kept: list[Path] = sorted(
        file for file in data.rglob("*") if file.is_file() and "media" not in file.parts
    )
    assert {file.name for file in kept} >= {"journal.sqlite3", "journal.sqlite3-wal"}
    (root / "link").symlink_to(data / "journal.sqlite3")
    (root / "folder").symlink_to(data)
    (root / "hard").hardlink_to(data / "journal.sqlite3-wal")
    paths: list[str | Path] = [
        *kept,
        data,
        data / "no-such-file",
        data / "media" / ".." / "journal.sqlite3",
        f"{root}//data/./journal.sqlite3-wal",
        f"file://{data}/journal.sqlite3-wal",
        root / "link",
        root / "folder" / "journal.sqlite3-wal",
        root / "folder" / "media" / ".." / "journal.sqlite3",
        root / "hard",
    ]
    for path in paths:
        assert "openwx's own" in (await refused(gateway, path)).words


async def test_the_files_with_secrets_are_never_sent(gateway: Gateway, root: Path) -> None:
    (root / "link.toml").symlink_to(root / "config.toml")
    (root / "hard.toml").hardlink_to(root / "config.toml")
    for name in ("config.toml", "link.toml", "hard.toml", "log.txt", "data/../config.toml"):
        await refused(gateway, root / name)
    assert (await gateway.get("upload_media", media_path=str(root / "log2.txt"))).code == -3


async def test_media_in_the_data_folder_can_be_sent(
    gateway: Gateway, world: World, root: Path
) -> None:
    (world.data_dir / "media").mkdir(exist_ok=True)
    kept = world.data_dir / "media" / "kept.png"
    kept.write_bytes(PNG)
    (root / "media").symlink_to(world.data_dir / "media")
    for path in (kept, root / "media" / "kept.png"):
        reply = await gateway.get("upload_media", media_path=str(path))
        assert reply.code == 0, reply.words
    missing = await gateway.get("upload_media", media_path=str(kept.with_name("none.png")))
    assert (missing.code, "no such file" in missing.words) == (-3, True)


async def test_no_answer_shows_what_is_outside(
    gateway: Gateway, world: World, root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Files, folders, links, what may not be read, and what is not there: all the same."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "file").write_bytes(PNG)
    (outside / "folder").mkdir()
    (outside / "locked").mkdir(mode=0)
    (outside / "link").symlink_to(outside / "file")
    (outside / "into").symlink_to(root)
    (outside / "ring").symlink_to(outside / "ring")
    (root / "known.png").write_bytes(PNG)
    names = (
        *("file", "folder", "locked", "link", "none", "ring", "into", "into/known.png"),
        *("locked/x", "file/x", "none/x", "x" * 300, "file/../none"),
    )
    up = "../" * 30
    for name in names:
        answers = []
        for number, path in enumerate((f"{outside}/{name}", f"{root}/{up}{outside}/{name}")):
            answers.append((await refused(gateway, path)).words)
            link = root / f"to {number} {name.replace('/', '_')[:40]}"
            link.symlink_to(path)
            answers.append((await refused(gateway, link)).words)
        assert len({words.partition("lies")[2] for words in answers}) == 1, name
    (outside / "locked").chmod(0o700)

    # Whatever stands before "..", it is taken away by name: a link there would lead elsewhere, a file nowhere.
    for name in ("file", "folder", "link", "none", "into", "ring"):
        path = f"{outside}/{name}/../{up}{root}/known.png"
        assert (await gateway.get("upload_media", media_path=path)).code == 0, name


async def test_links_within_the_roots(gateway: Gateway, root: Path) -> None:
    (root / "deep").mkdir()
    (root / "deep" / "a.png").write_bytes(PNG)
    (root / "one").symlink_to("deep")
    (root / "two").symlink_to(root / "one")
    (root / "deep" / "up.png").symlink_to("../two/a.png")
    for name in ("one/a.png", "two/a.png", "deep/up.png", "two/up.png", "one/../deep/a.png"):
        reply = await gateway.get("upload_media", media_path=str(root / name))
        assert reply.code == 0, (name, reply.words)
    (root / "ring").symlink_to("ring2")
    (root / "ring2").symlink_to("ring")
    (root / "dangling").symlink_to("nothing")
    for name in ("ring", "dangling", "dangling/x", "deep", "deep/a.png/x"):
        reply = await gateway.get("upload_media", media_path=f"{root}/{name}")
        assert reply.code == -3, (name, reply.words)


async def test_a_root_may_be_a_link(world: World, root: Path) -> None:
    """As /tmp is on some systems."""
    (root / "real").mkdir()
    (root / "real" / "a.png").write_bytes(PNG)
    (root / "named").symlink_to(root / "real")
    gateway = await world.run(media={"roots": [str(root / "named")]})
    for name in ("named/a.png", "real/a.png"):
        assert (await gateway.get("upload_media", media_path=str(root / name))).code == 0, name
    await refused(gateway, root / "other" / "a.png")
