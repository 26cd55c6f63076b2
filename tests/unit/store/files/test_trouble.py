"""Stores of media that are away, damaged, or that nobody can use: words, and never a wait for ever."""

import math
import os
from pathlib import Path

import pytest

from openwx import store
from openwx.store import objects
from openwx.store.files import FileStoreError, FileStoreRefusedError, NotStoredError
from openwx.store.objects import S3Store
from openwx.store.postgres.connections import Address
from tests.buckets import Bucket

from .conftest import Node, Open
from .test_conformance import KEY, MOST, fetched, written

SIZE = 2 * 2**20 + 5


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Open:
    from .conftest import STORES

    return lambda name: STORES["database"](request, name)


async def put(node: Node) -> None:
    await node.store.put(KEY, written(node, os.urandom(SIZE)))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("DELETE FROM files WHERE part = 1", "damaged in the store: 1048576 of 2097157 bytes"),
        ("DELETE FROM files WHERE part = 2", "damaged in the store: 2097152 of 2097157 bytes"),
        ("UPDATE files SET data = '' WHERE part = 1", "damaged"),
        ("UPDATE files SET data = data || 'more' WHERE part = 2", "damaged"),
        ("DELETE FROM files WHERE part = 0", "is not in the database"),
    ],
)
async def test_a_file_with_a_hole_is_damaged(
    database: Open, address: Address, damage: str, words: str
) -> None:
    async with database("here") as here, database("there") as there:
        await put(here)
        connection = await address.connect()
        await connection.execute(damage)
        await connection.close()
        with pytest.raises(NotStoredError, match=words):
            await fetched(there)


async def test_a_large_file_is_many_rows_that_are_not_compressed(
    database: Open, address: Address
) -> None:
    async with database("here") as here:
        await here.store.put(KEY, written(here, b"a" * SIZE))
        connection = await address.connect()
        rows = await connection.fetch(
            "SELECT length(data) AS size, pg_column_size(data) AS stored FROM files ORDER BY part"
        )
        await connection.close()
    assert [row["size"] for row in rows] == [2**20, 2**20, 5]
    assert rows[0]["stored"] >= 2**20


SLOW = """
CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF (SELECT count(*) FROM gone) > 20 THEN RAISE EXCEPTION 'it took too long' USING ERRCODE = '57014'; END IF;
    RETURN NULL; END $$;
CREATE TRIGGER slow AFTER DELETE ON files REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION be_slow()"""


async def test_many_large_files_are_deleted_although_each_takes_its_time(
    database: Open, address: Address
) -> None:
    async with database("here") as here:
        keys = [f"{KEY[:-4]}{n:04x}" for n in range(50)]
        for key in keys:
            await here.store.put(key, written(here, b"a"))
        connection = await address.connect()
        await connection.execute(SLOW)
        await connection.close()
        await here.store.delete(keys, put_before=math.inf)
        assert not any([await here.store.has(key) for key in keys])


async def test_a_put_that_is_interrupted_leaves_nothing(
    database: Open, address: Address, tmp_path: Path
) -> None:
    async with database("here") as here:
        path = written(here, b"x" * SIZE)
        connection = await address.connect()
        await connection.execute("ALTER TABLE files ADD CHECK (part < 2)")
        with pytest.raises(FileStoreError, match="PostgreSQL"):
            await here.store.put(KEY, path)
        assert await connection.fetchval("SELECT count(*) FROM files") == 0
        await connection.execute("ALTER TABLE files DROP CONSTRAINT files_part_check")
        await connection.close()
        await here.store.put(KEY, path)  # on another connection


async def test_a_database_that_is_away_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileStoreError, match="PostgreSQL"):
        async with store.open_files("database", url="postgresql://x@127.0.0.1:1/x") as opened:
            await opened.check()


async def test_a_bucket_that_is_not_there_is_told(bucket: Bucket) -> None:
    with pytest.raises(FileStoreRefusedError, match="nobody-made-it"):
        async with store.open_files("s3://nobody-made-it/x", url="postgresql://x") as opened:
            await opened.check()


async def test_a_server_that_is_away_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "who")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-of-the-operator")
    with pytest.raises(FileStoreError) as caught:
        await S3Store("s3://bucket").put(KEY, written(Node(S3Store("s3://b3a"), tmp_path), b"x"))
    assert not isinstance(caught.value, FileStoreRefusedError)  # it may be there later
    words = str(caught.value)
    assert words.isprintable()
    assert "127.0.0.1:1" in words
    assert "a-secret-of-the-operator" not in words


async def test_an_object_of_another_size_is_got_as_it_is(bucket: Bucket, tmp_path: Path) -> None:
    """The one who wants it compares it with what the journal knows."""
    here = Node(bucket.store(), tmp_path)
    await put(here)
    bucket.overwrite(KEY, b"cut")
    await here.store.get(KEY, tmp_path / "got", most=MOST)
    assert (tmp_path / "got").read_bytes() == b"cut"


async def test_what_others_have_in_the_bucket_stays(bucket: Bucket) -> None:
    bucket.overwrite("photos/summer.jpg", b"x")
    bucket.overwrite("summer.jpg", b"x")
    assert await bucket.store().older(-60) == []


async def test_a_large_object_is_put_in_parts(bucket: Bucket, tmp_path: Path) -> None:
    here = Node(bucket.store(), tmp_path)
    path = written(here, os.urandom(2 * objects._PART + 1))
    await here.store.put(KEY, path)
    await here.store.get(KEY, tmp_path / "got", most=MOST)
    assert (tmp_path / "got").read_bytes() == path.read_bytes()
    assert bucket.listed() == [KEY]
