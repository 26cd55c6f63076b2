"""``openwx journal copy``: what it copies, what it says, and where it refuses."""

import json
from pathlib import Path

import pytest
from filelock import FileLock

from openwx import instance, service, store
from openwx.store.postgres.connections import Address
from openwx.store.records import NewSend, WriteBatch
from tests.unit.store.reports import a_message

from ..typed import Typed
from .conftest import Environ
from .nodes import member


async def fill(data_dir: Path, *accounts: str) -> None:
    data_dir.mkdir(exist_ok=True)
    async with store.open(data_dir / service.JOURNAL) as journal:
        for account in accounts:
            made = [a_message(1), a_message(2)]
            send = NewSend(uid="u", body=b"{}")
            await journal.write(WriteBatch(account=account, reports=made, sends=[send]))


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


async def test_it_says_what_it_copied(typed: Typed, data_dir: Path, shared: Environ) -> None:
    await fill(data_dir, "shop", "family")
    code, out, err = await typed("journal", "copy", **shared)
    assert (code, err) == (0, "")
    schema = shared["OPENWX_STORE__SCHEMA"]
    assert out.splitlines() == [
        "family: 2 reports, 1 send",
        "shop: 2 reports, 1 send",
        (
            f"2 accounts are in the schema {schema} now. The journal in {data_dir} stays as it was:"
            " start no gateway without store.url on it again."
        ),
    ]
    connection = await Address(shared["OPENWX_STORE__URL"], schema).connect()
    assert await connection.fetchval("SELECT count(*) FROM reports") == 4
    await connection.close()

    code, out, _ = await typed("journal", "copy", "--json", **shared)
    answer = json.loads(out)["accounts"]
    assert [(one["account"], one["before"]) for one in answer] == [("family", True), ("shop", True)]
    assert code == 0


async def test_what_postgres_has_already_is_not_replaced(
    typed: Typed, data_dir: Path, shared: Environ
) -> None:
    await fill(data_dir, "shop")
    assert (await typed("journal", "copy", **shared)).code == 0
    await fill(data_dir, "another")
    async with store.open(data_dir / service.JOURNAL) as journal:
        await journal.write(WriteBatch(account="shop", sends=[NewSend(uid="v", body=b"{}")]))
    code, out, err = await typed("journal", "copy", **shared)
    assert (code, out) == (2, "another: 2 reports, 1 send\n")
    assert err == (
        "openwx: the journal is not copied: shop: PostgreSQL has other messages of this account;"
        " 1 account is copied\n"
    )


async def test_it_refuses_while_a_gateway_uses_the_journal(
    typed: Typed, data_dir: Path, shared: Environ
) -> None:
    await fill(data_dir, "shop")
    with FileLock(data_dir / instance.LOCK):
        code, out, err = await typed("journal", "copy", **shared)
    assert (code, out) == (2, "")
    assert f"data_dir {data_dir} is in use by another openwx" in err


async def test_where_there_is_nothing_to_copy(
    typed: Typed, data_dir: Path, shared: Environ
) -> None:
    code, _, err = await typed("journal", "copy", **shared)
    assert (code, err) == (2, f"openwx: data_dir {data_dir}: there is no journal to copy\n")
    assert not data_dir.exists()
    code, _, err = await typed("journal", "copy")
    assert code == 2
    assert "store.url is not set" in err


async def test_where_postgres_does_not_answer(
    typed: Typed, data_dir: Path, shared: Environ
) -> None:
    await fill(data_dir, "shop")
    url = "postgresql://openwx:s3cr3t@127.0.0.1:1/openwx"
    code, out, err = await typed("journal", "copy", **(shared | {"OPENWX_STORE__URL": url}))
    assert (code, out) == (1, "")
    (line,) = err.splitlines()
    assert "the journal is not copied: the store cannot be opened" in line
    assert "s3cr3t" not in err


async def test_an_account_that_a_node_runs_is_not_replaced(
    typed: Typed, data_dir: Path, shared: Environ
) -> None:
    await fill(data_dir, "shop")
    async with member(shared, "wx-2") as other:
        await other.owns("shop")
        code, _, err = await typed("journal", "copy", **shared)
        assert code == 2
        assert "shop: a node runs this account: stop it first" in err
        assert await other.journal.newest_published("shop") == 0
