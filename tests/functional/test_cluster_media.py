"""Media that one node has received or accepted, and another one delivers or sends."""

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from openwx.config.models import Media
from openwx.errors import ConfigError
from openwx.simulator import Account, Fault
from openwx.simulator.media import JPEG, PNG
from tests import buckets
from tests.buckets import Bucket
from tests.patience import until_seen

from .nodes import Cluster
from .world import Gateway, Json

STORES = ("database", "s3", "folder")
NAME = "n0"


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    with buckets.server() as endpoint:
        yield endpoint


class Scene:
    """Two nodes, one after the other, and the store that they share."""

    def __init__(self, cluster: Cluster, kind: str, bucket: Bucket | None) -> None:
        cluster.names = (NAME,)
        cluster.account = {"send_tries": 100}
        self.cluster = cluster
        self.bucket = bucket
        self.kind = kind
        self._store = bucket.url if bucket else kind
        self.receiver = cluster.receiver

    async def first(self, **report: Any) -> Gateway:
        """Start a node, and log its account in."""
        node = await self.start("a", **report)
        await self.cluster.log_in()
        self.receiver.forget()
        return node

    async def start(self, name: str, **report: Any) -> Gateway:
        data_dir = self.cluster.folder / name
        if self.kind == "folder":
            shared = self.cluster.folder / "shared"
            shared.mkdir(exist_ok=True)
            data_dir.mkdir(exist_ok=True)
            (data_dir / "media").symlink_to(shared)
        settings = self.cluster.settings(name)
        reporting = settings.report.model_copy(update=report)
        media = Media(store=self._store)
        pace = {"finish_s": 0.2}
        return await self.cluster.start(name, pace=pace, media=media, report=reporting)

    async def hand_over(self, node: Gateway, **report: Any) -> Gateway:
        """Stop a node, lose its machine, and start another one, whose backend takes everything."""
        await self.end(node)
        self.receiver.forget()
        self.receiver.behaves_well()
        return await self.start("b", **report)

    async def end(self, node: Gateway) -> None:
        """Stop the first node, and lose its machine."""
        await node.stop()
        del self.cluster.nodes["a"]
        shutil.rmtree(node.settings.data_dir)

    @property
    def account(self) -> Account:
        return self.cluster.wechat[NAME]

    async def stored(self) -> list[str]:
        """Return the keys that the store has."""
        if self.bucket is not None:
            return self.bucket.listed()
        rows = await self.ask("SELECT DISTINCT key FROM files")
        return [row["key"] for row in rows]

    async def lose(self) -> None:
        """Have the store lose everything."""
        if self.bucket is not None:
            for key in self.bucket.listed():
                self.bucket.delete(key)
        await self.ask("DELETE FROM files")

    async def damage(self) -> None:
        """Have the store cut its files."""
        if self.bucket is not None:
            for key in self.bucket.listed():
                self.bucket.overwrite(key, b"cut")
        await self.ask("UPDATE files SET data = 'cut'")

    async def ask(self, sql: str) -> list[Any]:
        connection = await asyncpg.connect(self.cluster.url)
        try:
            await connection.execute(f'SET search_path TO "{self.cluster.schema}"')
            rows: list[Any] = await connection.fetch(sql)
            return rows
        finally:
            await connection.close()


@pytest.fixture(params=STORES)
def scene(
    request: pytest.FixtureRequest, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> Scene:
    bucket = None
    if request.param == "s3":
        endpoint = request.getfixturevalue("s3_endpoint")
        for name, value in buckets.variables(endpoint).items():
            monkeypatch.setenv(name, value)
        bucket = Bucket(endpoint)
    return Scene(cluster, request.param, bucket)


copies = pytest.mark.parametrize("scene", ["database", "s3"], indirect=True)
"""For what cannot happen where all nodes have one folder."""


def data_of(report: Json) -> bytes:
    return base64.b64decode(report["media_data"])


async def received(scene: Scene, data: bytes, **report: Any) -> Gateway:
    """Have a node receive a picture that it cannot deliver."""
    node = await scene.first(**report)
    scene.receiver.fails(status=503)
    scene.account.friend("小灰").sends_image(data)
    await scene.receiver.get(format="media")
    return node


async def test_another_node_delivers_what_one_has_received(scene: Scene) -> None:
    node = await received(scene, JPEG)
    if scene.kind != "folder":
        scene.cluster.simulator.faults.add("webwxgetmsgimg", Fault.SERVER_ERROR)
    other = await scene.hand_over(node)
    report = await scene.receiver.get(format="media")
    assert data_of(report) == JPEG
    path = Path(report["media_path"])
    assert path.parent == other.settings.media_dir
    assert path.read_bytes() == JPEG
    assert report["content"] == f"[media]({path})"


@copies
async def test_a_path_is_one_on_the_node_that_posts_also_without_media_data(scene: Scene) -> None:
    node = await received(scene, JPEG, post_media_data=False)
    assert "media_data" not in scene.receiver.reports[-1].json
    other = await scene.hand_over(node, post_media_data=False)
    report = await scene.receiver.get(format="media")
    path = Path(report["media_path"])
    assert (path.parent, path.read_bytes()) == (other.settings.media_dir, JPEG)
    assert "media_data" not in report


@copies
async def test_what_the_store_has_lost_is_fetched_from_wechat_again(scene: Scene) -> None:
    node = await received(scene, JPEG)
    await scene.lose()
    await scene.hand_over(node)
    assert data_of(await scene.receiver.get(format="media")) == JPEG


@copies
async def test_what_is_damaged_in_the_store_is_fetched_from_wechat_again(scene: Scene) -> None:
    node = await received(scene, JPEG)
    await scene.damage()
    await scene.hand_over(node)
    assert data_of(await scene.receiver.get(format="media")) == JPEG


@copies
async def test_what_is_nowhere_any_more_is_left_out_and_holds_up_nothing(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    node = await received(scene, JPEG)
    scene.account.friend("小灰").says("later")
    await scene.lose()
    scene.cluster.simulator.faults.add("webwxgetmsgimg", Fault.EMPTY)
    await scene.hand_over(node)
    report = await scene.receiver.get(format="media")
    assert "media_data" not in report
    await scene.receiver.get(content="later")
    (words,) = [one.message for one in caplog.records if "media_data is left out" in one.message]
    assert "is not in the" in words
    assert "WeChat did not give it" in words


@copies
async def test_a_file_is_deleted_when_nothing_waits_for_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openwx.accounts.media.keeping.LOOK_FIRST_S", 0.05)
    monkeypatch.setattr("openwx.accounts.media.keeping.LOOK_MOST_S", 0.1)
    await received(scene, JPEG)
    (key,) = await scene.stored()
    assert key in scene.receiver.got(format="media")[0]["media_path"]
    scene.receiver.behaves_well()
    await scene.receiver.until(
        lambda: any(up.fits(format="media") for up in scene.receiver.answered)
    )
    assert await until_seen(scene.stored, lambda keys: not keys) == []


async def accepted(scene: Scene, tmp_path: Path, **more: str) -> tuple[Gateway, Json]:
    """Have a node accept a picture that it cannot upload."""
    node = await scene.first()
    scene.cluster.simulator.faults.add("webwxuploadmedia", Fault.HANG)
    path = tmp_path / "picture.png"
    path.write_bytes(PNG)
    answer = await node.get(
        "send_friend_message",
        displayname="小灰",
        media_path=str(path),
        **({"async": "1"} | more),
    )
    path.unlink()
    return node, answer.json


async def test_another_node_sends_what_one_has_accepted(scene: Scene, tmp_path: Path) -> None:
    key = "my-key" if scene.kind == "s3" else ""
    more = {"idempotency_key": key} if key else {}
    node, answer = await accepted(scene, tmp_path, **more)
    assert answer["code"] == 0, answer
    await scene.end(node)
    scene.cluster.simulator.faults.clear()
    other = await scene.start("b")
    report = await scene.receiver.get(post_type="send_message")
    assert (report["code"], report["uid"]) == (0, answer["uid"])
    assert data_of(report) == PNG
    assert Path(report["media_path"]).parent == other.settings.media_dir
    assert Path(report["media_path"]).read_bytes() == PNG
    assert report["media_name"] == "picture.png"


@copies
async def test_an_accepted_file_that_is_nowhere_ends_in_words(scene: Scene, tmp_path: Path) -> None:
    node, answer = await accepted(scene, tmp_path)
    await scene.lose()
    await scene.end(node)
    scene.cluster.simulator.faults.clear()
    await scene.start("b")
    report = await scene.receiver.get(post_type="send_message", uid=answer["uid"])
    assert report["code"] != 0
    assert "is not in the" in report["info"]


@copies
async def test_nothing_is_accepted_while_its_file_cannot_be_stored(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openwx.accounts.media.keeping.STORE_WITHIN_S", 1.0)
    node = await scene.first()
    if scene.bucket is not None:
        scene.bucket.remove()
    else:
        await scene.ask("ALTER TABLE files RENAME TO lost")
    path = tmp_path / "picture.png"
    path.write_bytes(PNG)
    answer = await node.get(
        "send_friend_message", displayname="小灰", media_path=str(path), **{"async": "1"}
    )
    assert (answer.status, answer.json["code"]) == (503, -5)
    assert "the store of media cannot be used" in answer.json["status"]
    text = await node.get(
        "send_friend_message", displayname="小灰", content="a text", **{"async": "1"}
    )
    assert text.json["code"] == 0
    assert (await scene.receiver.get(content="a text"))["code"] == 0


async def test_a_reply_names_a_file_on_the_machine_of_the_node(
    scene: Scene, tmp_path: Path
) -> None:
    from .world import says

    node = await scene.first()
    scene.cluster.simulator.faults.add("webwxuploadmedia", Fault.HANG)
    path = tmp_path / "picture.png"
    path.write_bytes(PNG)
    scene.receiver.behaves(says({"media": str(path)}), content="show me")
    scene.account.friend("小灰").says("show me")
    await scene.receiver.until(
        lambda: any(up.fits(content="show me") for up in scene.receiver.answered)
    )
    async with scene.cluster.visit() as journal:
        await until_seen(lambda: journal.waiting_sends(NAME))
    path.unlink()
    await scene.end(node)
    scene.cluster.simulator.faults.clear()
    await scene.start("b")
    report = await scene.receiver.get(post_type="send_message")
    assert (report["code"], data_of(report)) == (0, PNG)


async def test_a_node_that_is_killed_leaves_its_files_to_the_next_one(cluster: Cluster) -> None:
    scene = Scene(cluster, "database", None)
    process = await cluster.spawn("a")
    await cluster.log_in()
    scene.receiver.fails(status=503)
    scene.account.friend("小灰").sends_image(JPEG)
    await scene.receiver.get(format="media")
    await process.command.kill()
    del cluster.nodes["a"]
    shutil.rmtree(cluster.folder / "a")
    scene.receiver.forget()
    scene.receiver.behaves_well()
    cluster.simulator.faults.add("webwxgetmsgimg", Fault.EMPTY)
    await scene.start("b")
    assert data_of(await scene.receiver.get(format="media")) == JPEG


async def test_a_bucket_that_nobody_made_stops_the_start(
    cluster: Cluster, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in buckets.variables(s3_endpoint).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="nobody-made-it"):
        await cluster.start("a", media=Media(store="s3://nobody-made-it"))
    del cluster.nodes["a"]


async def test_a_bucket_that_is_away_stops_nothing(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("openwx.accounts.media.keeping.STORE_WITHIN_S", 1.0)
    for name, value in buckets.variables("http://127.0.0.1:1").items():
        monkeypatch.setenv(name, value)
    cluster.names = (NAME,)
    await cluster.start("a", media=Media(store="s3://bucket"))
    await cluster.log_in()
    assert "media.store s3://bucket: the store of media cannot be used" in caplog.text
    cluster.wechat[NAME].friend("小灰").sends_image(JPEG)
    assert data_of(await cluster.receiver.get(format="media")) == JPEG
    assert "is on this node alone for now" in caplog.text


async def test_a_node_without_the_folder_of_the_others_takes_no_account(
    cluster: Cluster, tmp_path: Path
) -> None:
    scene = Scene(cluster, "folder", None)
    await scene.first()
    stray = await cluster.start("stray", media=Media(store="folder"))

    async def readiness() -> str:
        async with cluster.http.get(f"{stray.url}/readyz") as answer:
            return await answer.text()

    words = await until_seen(readiness, lambda text: "mount the same one" in text)
    assert str(stray.settings.media_dir) in words
    assert (await cluster.owners())[NAME] == "a"
