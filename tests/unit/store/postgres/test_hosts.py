"""A URL of several hosts: the one that can be written is found, whatever the others do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from openwx.store.base import JournalUnavailable
from openwx.store.postgres import hosts
from openwx.store.postgres.connections import Address
from openwx.store.postgres.journal import PostgresJournal
from openwx.store.records import WriteBatch
from tests import postgres
from tests.patience import PATIENCE_S, until, until_seen

from ..members import member


@asynccontextmanager
async def silent_host() -> AsyncIterator[str]:
    """Listen, and never answer: as a machine that is gone, of which nobody tells."""

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    over = asyncio.Event()
    listener = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    try:
        host, port = listener.sockets[0].getsockname()
        yield f"{host}:{port}"
    finally:
        over.set()
        listener.close()


def host_of(url: str) -> str:
    return url.partition("@")[2].partition("/")[0]


def url_of(*given: str) -> str:
    return f"postgresql://postgres@{','.join(given)}/postgres"


async def test_a_host_that_does_not_answer_takes_no_time_of_the_others(address: Address) -> None:
    lease_s = 6.0
    async with asyncio.timeout(PATIENCE_S), silent_host() as silent:
        url = url_of(silent, host_of(address.url))
        async with member(address._replace(url=url), lease_s=lease_s) as journal:
            await journal.write(WriteBatch(account="me", state={"a": b"1"}))
            assert await journal.state("me") == {"a": b"1"}
            assert journal.ownership.lease.is_valid


async def test_a_standby_is_not_used_until_it_is_the_first() -> None:
    with postgres.for_test() as first, postgres.for_test() as standby:
        await asyncio.to_thread(first.create)
        await asyncio.to_thread(first.start)
        await asyncio.to_thread(standby.copy_of, first)
        await asyncio.to_thread(standby.start)
        with pytest.raises(JournalUnavailable, match="is a standby"):
            async with PostgresJournal(Address(standby.url)):
                pass
        address = Address(url_of(host_of(standby.url), host_of(first.url)))
        async with asyncio.timeout(3 * PATIENCE_S), member(address, lease_s=6.0) as journal:
            follower = await asyncpg.connect(standby.url)
            await follower.execute("SELECT pg_wal_replay_pause()")
            for n in range(10):  # a reader of the standby would miss them
                await journal.write(WriteBatch(account="me", state={"a": b"%d" % n}))
                assert await journal.state("me") == {"a": b"%d" % n}
            await follower.execute("SELECT pg_wal_replay_resume()")
            await journal.write(WriteBatch(account="me", state={"b": b"1"}))
            leader = await asyncpg.connect(first.url)
            written = await leader.fetchval("SELECT pg_current_wal_lsn()::text")
            await leader.close()
            seen = f"SELECT pg_last_wal_replay_lsn() >= '{written}'::pg_lsn"
            await until_seen(lambda: follower.fetchval(seen))
            await asyncio.to_thread(first.kill)
            await follower.execute("SELECT pg_promote()")
            await follower.close()
            batch = WriteBatch(account="me", state={"b": b"2"})
            await journal.until_done(lambda: journal.write(batch), on_wait=lambda _: None)
            assert await journal.state("me") == {"a": b"9", "b": b"2"}


def test_each_host_has_a_url_of_its_own() -> None:
    one = "postgresql:///openwx?host=/run/postgresql"
    assert hosts.each_host(one) == [one]
    assert hosts.each_host("postgresql://me:p%40@a,b:5433,[::1]:1/x?sslmode=require") == [
        "postgresql://me:p%40@a/x?sslmode=require",
        "postgresql://me:p%40@b:5433/x?sslmode=require",
        "postgresql://me:p%40@[::1]:1/x?sslmode=require",
    ]


@pytest.mark.parametrize("steps", range(6))
async def test_no_connection_outlives_its_cancellation(
    address: Address, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    made = [await asyncpg.connect(address.url) for _ in "ab"]
    left = list(made)

    async def connect(*_: object, **__: object) -> asyncpg.Connection:
        await asyncio.sleep(0)
        return left.pop()

    monkeypatch.setattr(asyncpg, "connect", connect)
    asking = asyncio.ensure_future(hosts.connect(url_of("127.0.0.1:1", "127.0.0.1:2")))
    for _ in range(steps):
        await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait({asking})
    wanted = [] if asking.cancelled() else [asking.result()]
    await until(lambda: [one for one in made if one not in left and not one.is_closed()] == wanted)
    for one in made:
        one.terminate()


@pytest.mark.parametrize(
    ("url", "urls"),
    [
        ("postgresql://u@a/db", ["postgresql://u@a/db"]),
        ("postgresql:///db?host=a", ["postgresql:///db?host=a"]),
        ("postgresql://u@a:1,,b/db?x=y", ["postgresql://u@a:1/db?x=y", "postgresql://u@b/db?x=y"]),
        (
            "postgresql://u@/db?host=a,b:2&sslmode=require",
            [
                "postgresql://u@/db?host=a&sslmode=require&port=",
                "postgresql://u@/db?host=b%3A2&sslmode=require&port=",
            ],
        ),
        (
            "postgresql:///db?host=a,/run,c&port=1,2,3",
            [f"postgresql:///db?host={one}" for one in ("a&port=1", "%2Frun&port=2", "c&port=3")],
        ),
        (
            "postgresql:///db?host=a,b&port=7",
            ["postgresql:///db?host=a&port=7", "postgresql:///db?host=b&port=7"],
        ),
    ],
)
def test_the_hosts_of_a_url(url: str, urls: list[str]) -> None:
    assert hosts.each_host(url) == urls


@pytest.mark.parametrize(
    "url",
    ["postgresql://u@,/db", "postgresql:///db?host=,", "postgresql:///db?host=a,b&port=1,2,3"],
)
async def test_a_url_whose_hosts_make_no_sense(url: str) -> None:
    with pytest.raises(hosts.InvalidUrl):
        await hosts.connect(url)


async def test_hosts_after_the_path_are_asked_at_once(address: Address) -> None:
    async with asyncio.timeout(PATIENCE_S), silent_host() as silent:
        url = f"postgresql://postgres@/postgres?host={silent},{host_of(address.url)}"
        connection = await hosts.connect(url)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
