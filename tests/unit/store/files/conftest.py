"""The stores of media, each as two nodes see it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from openwx import store
from openwx.store.files import MediaStore
from openwx.store.postgres.connections import Address
from openwx.store.postgres.schema import migrate
from tests import postgres
from tests.buckets import Bucket


class Node(NamedTuple):
    """A store as one node has it, and the folder of its own files."""

    store: MediaStore
    folder: Path


Open = Callable[[str], AbstractAsyncContextManager[Node]]
"""Opens the store for the node of this name."""


@asynccontextmanager
async def _folder(request: pytest.FixtureRequest, _: str) -> AsyncIterator[Node]:
    shared: Path = request.getfixturevalue("tmp_path") / "shared"
    shared.mkdir(exist_ok=True)
    async with store.open_files("folder", url="postgresql://of-the-journal") as opened:
        yield Node(opened, shared)


@asynccontextmanager
async def _database(request: pytest.FixtureRequest, name: str) -> AsyncIterator[Node]:
    address: Address = request.getfixturevalue("address")
    folder: Path = request.getfixturevalue("tmp_path") / name
    folder.mkdir(exist_ok=True)
    connection = await address.connect()
    await migrate(connection, address.schema)
    await connection.close()
    async with store.open_files("database", url=address.url, schema=address.schema) as opened:
        yield Node(opened, folder)


@asynccontextmanager
async def _s3(request: pytest.FixtureRequest, name: str) -> AsyncIterator[Node]:
    bucket: Bucket = request.getfixturevalue("bucket")
    folder: Path = request.getfixturevalue("tmp_path") / name
    folder.mkdir(exist_ok=True)
    async with store.open_files(f"{bucket.url}/some/where", url="postgresql://x") as opened:
        yield Node(opened, folder)


STORES = {"folder": _folder, "database": _database, "s3": _s3}


@pytest.fixture
def address(postgres_url: str) -> Address:
    """Name a schema of this test's own."""
    return Address(postgres_url, postgres.new_schema())


@pytest.fixture(params=STORES)
def nodes(request: pytest.FixtureRequest) -> Open:
    return lambda name: STORES[request.param](request, name)


@pytest.fixture(params=[name for name in STORES if name != "folder"])
def copying(request: pytest.FixtureRequest) -> Open:
    """Open a store that holds copies."""
    return lambda name: STORES[request.param](request, name)


@pytest.fixture
async def here(nodes: Open) -> AsyncIterator[Node]:
    async with nodes("here") as node:
        yield node


@pytest.fixture
async def there(nodes: Open) -> AsyncIterator[Node]:
    async with nodes("there") as node:
        yield node
