"""What PostgreSQL and the nodes' logs tell the verdict of the crash test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import aiohttp
import asyncpg
import pytest

from openwx.crashtest.nodes import terms
from openwx.crashtest.nodes.callbook import CallBook, NotedCall
from openwx.crashtest.nodes.network import Loopback
from openwx.crashtest.nodes.node import Node
from openwx.crashtest.nodes.terms import Term, complaints, moved
from openwx.store.postgres.connections import Address
from openwx.store.postgres.journal import PostgresJournal
from openwx.store.records import NodeOptions, WriteBatch
from tests import postgres
from tests.patience import PATIENCE_S

TOLD = "a1: the outcome of a send (MsgId 7) is not in the journal yet, and told"
LOST = "a1: the outcome of a send to @x (MsgId 7) is not published: the journal does not take it"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with postgres.url_for_tests() as one:
        yield one


@pytest.fixture
def schema() -> str:
    return postgres.new_schema()


@pytest.fixture
async def owner(url: str, schema: str) -> AsyncIterator[PostgresJournal]:
    """Run the node n1, which owns the account me."""
    options = NodeOptions(node="n1", home=uuid4(), lease_s=3 * PATIENCE_S)
    async with PostgresJournal(Address(url, schema, "n1"), options) as journal:
        await terms.note(url, schema)
        assert await journal.ownership.claim(["me"]) == ["me"]
        yield journal


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    place = Loopback(1)
    await place.start()
    async with aiohttp.ClientSession() as http:
        book = CallBook("n1", [], http)
        await book.start(place.host)
        yield Node(
            "n1", program=(), folder=tmp_path, lease_s=2, place=place, book=book, accounts={}
        )
        await book.close()
    await place.close()


async def change(url: str, schema: str, of: str, writer: str) -> None:
    """Change the row of me as a write of a node would."""
    settings = {"application_name": f"openwx/{writer}"}
    connection = await asyncpg.connect(url, server_settings=settings)
    await connection.execute(f"UPDATE {schema}.accounts SET {of} WHERE account = 'me'")
    await connection.close()


async def test_what_the_owner_writes_is_not_strange(
    owner: PostgresJournal, url: str, schema: str
) -> None:
    for value in (b"1", b"2"):
        await owner.write(WriteBatch(account="me", state={"key": value}))
    assert await terms.strange_writes(url, schema) == []


@pytest.mark.parametrize(
    ("change_of", "writer"),
    [("unit = unit + 1", "n2"), ("unit = unit", "n1"), ("unit = unit - 1", "n1")],
)
async def test_a_write_of_another_or_of_a_former_term_is_noted(
    owner: PostgresJournal, url: str, schema: str, change_of: str, writer: str
) -> None:
    await change(url, schema, change_of, writer)
    [complaint] = await terms.strange_writes(url, schema)
    assert complaint.startswith(f"me: {writer} wrote unit ")


async def test_a_write_after_the_release_is_noted(
    owner: PostgresJournal, url: str, schema: str
) -> None:
    await owner.ownership.release("me")
    await change(url, schema, "unit = unit + 1", "n1")
    assert len(await terms.strange_writes(url, schema)) == 1


async def test_an_outage_moves_no_account_and_may_move_what_a_node_keeps_of_itself(
    owner: PostgresJournal, url: str, schema: str
) -> None:
    await change(url, schema, "wanted = true", "n1")
    before = await terms.owned(url, schema)
    assert {account: node for account, (_, node) in before.items()} == {"me": "n1"}
    assert {one.account for one in await terms.noted(url, schema)} == {"me"}
    await owner.ownership.release("me")
    assert [*moved(before, await terms.owned(url, schema))] == ["me went from n1 to nobody"]
    await owner.ownership.claim(["me"])
    assert [*moved(before, await terms.owned(url, schema))] == ["me went from n1 to n1"]
    assert [*moved(before, before)] == []


def calls_at(*made: tuple[float, str]) -> list[NotedCall]:
    return [NotedCall(at, node, "a1", "/sync") for at, node in made]


CLAIMS = [Term("a1", 1, "n1", 10.0), Term("a1", 2, "n2", 20.0)]


def test_a_call_of_an_old_term_is_named() -> None:
    calls = calls_at((11.0, "n1"), (21.0, "n2"), (22.0, "n1"))
    assert complaints(CLAIMS, calls, {"n1": [15.0]}) == [
        "a1: n1 called /sync 1.000 s after n2 had begun"
    ]


def test_one_call_may_leave_when_a_pause_ends() -> None:
    """It had passed the gate before."""
    calls = calls_at((11.0, "n1"), (21.0, "n2"), (22.1, "n1"), (22.2, "n1"))
    assert complaints(CLAIMS, calls[:3], {"n1": [22.0]}) == []
    assert len(complaints(CLAIMS, calls, {"n1": [22.0]})) == 1
    assert len(complaints(CLAIMS, calls[:3], {"n2": [22.0]})) == 1


async def test_an_outcome_that_was_lost_in_an_outage_is_excused(node: Node) -> None:
    node.outages.begin()
    node.handle_line(TOLD)
    assert node.lost_outcomes == set()
    node.handle_line(LOST)
    assert node.lost_outcomes == {"7"}


async def test_so_is_one_that_was_in_memory_when_its_process_ended(node: Node) -> None:
    node.outages.begin()
    node.handle_line(TOLD)
    node.outages.end()
    await node.close()
    assert node.lost_outcomes == {"7"}


async def test_without_an_outage_nothing_is_excused(node: Node) -> None:
    node.handle_line(TOLD)
    node.handle_line(LOST)
    await node.close()
    assert node.lost_outcomes == set()


async def test_nor_is_what_was_told_in_an_outage_before(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("openwx.crashtest.nodes.node.time.time", lambda: now)
    node.outages.begin()
    node.handle_line(TOLD)
    node.outages.end()
    now += 11
    node.outages.begin()
    await node.close()
    assert node.lost_outcomes == set()
