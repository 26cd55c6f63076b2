"""What goes wrong beside a lost answer: it ends as what it is, and the journal goes on."""

import asyncio

import asyncpg
import pytest

from openwx.store.base import InvalidBatch, JournalError
from openwx.store.postgres import hosts, queries
from openwx.store.postgres.connections import Address
from openwx.store.postgres.journal import PostgresJournal
from openwx.store.records import DeliveryOutcome, DeliveryStatus, NewSend, WriteBatch
from tests.patience import PATIENCE_S, until

from ..members import member
from ..reports import a_message
from .conftest import LEASE_S
from .cutting import Cut, CuttingProxy
from .test_doubt import uids_of

BREAKS = """
CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'an index is damaged' USING ERRCODE = '{state}'; END $$;
CREATE TRIGGER broken BEFORE INSERT ON reports FOR EACH ROW EXECUTE FUNCTION break()"""
WAITERS = "SELECT count(*) FROM pg_locks WHERE NOT granted AND transactionid = $1"


async def test_what_is_under_way_when_the_node_is_declared_dead_is_settled(
    address: Address, proxy: CuttingProxy
) -> None:
    """Nobody has taken the account yet, and no beat has released it."""
    async with member(address._replace(url=proxy.url)) as through:
        await through.write(WriteBatch(account="me", state={"a": b"1"}))
        proxy.cuts[b"<mark>"] = Cut.BEFORE

        async def declare_dead() -> None:
            through._terms.end(["me"])

        proxy.hooks[b"<mark>"] = declare_dead
        batch = WriteBatch(account="me", reports=[a_message(with_={"mark": "<mark>"})])
        (report,) = (await through.write(batch)).recorded
        assert await uids_of(through, "me") == [report.uid]


async def test_a_question_after_a_write_is_asked_until_it_is_answered(
    journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch is written: only what of it was stored is not known."""
    first = a_message(uid="first", dedupe="once")
    await journal.write(WriteBatch(account="me", reports=[first]))
    fails = "SELECT 1 / 0 FROM unnest($1::text[], $2::bigint[])"
    monkeypatch.setattr(queries, "STORED_REPORTS", fails)
    reports = [a_message(uid="second", dedupe="once"), a_message(uid="third")]
    writing = asyncio.create_task(journal.write(WriteBatch(account="me", reports=reports)))
    async with asyncio.timeout(PATIENCE_S):
        await journal.until_failing()
    monkeypatch.undo()
    async with asyncio.timeout(PATIENCE_S):
        stored = (await writing).reports
    assert [one and one.uid for one in stored] == [None, "third"]
    assert await uids_of(journal, "me") == ["first", "third"]


@pytest.mark.parametrize("state", ["XX002", "0A000", "21000", "P0001"])
async def test_a_server_that_is_broken_refuses_and_stops_nobody_else(
    journal: PostgresJournal, operator: asyncpg.Connection, state: str
) -> None:
    await journal.write(WriteBatch(account="me", state={"a": b"1"}))
    await operator.execute(BREAKS.format(state=state))
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(JournalError, match="an index is damaged"):
            await journal.write(WriteBatch(account="me", reports=[a_message()]))
        await journal.until_writable()
        await journal.write(WriteBatch(account="me", state={"a": b"2"}))
        await operator.execute("DROP TRIGGER broken ON reports")
        await journal.write(WriteBatch(account="me", reports=[a_message(uid="later")]))
    assert await uids_of(journal, "me") == ["later"]


async def test_a_server_that_is_a_standby_now_is_left(
    journal: PostgresJournal, operator: asyncpg.Connection
) -> None:
    """Another host may be written by now; what stays connected would never find it."""
    await journal.write(WriteBatch(account="me", state={"a": b"1"}))
    pids = (
        "SELECT pid FROM pg_stat_activity WHERE query LIKE '%write_1%' AND pid <> pg_backend_pid()"
    )
    (former,) = [pid for (pid,) in await operator.fetch(pids)]
    await operator.execute(BREAKS.format(state="25006"))
    with pytest.raises(JournalError, match="an index is damaged"):
        await journal.write(WriteBatch(account="me", reports=[a_message()]))
    async with asyncio.timeout(PATIENCE_S):
        await journal.until_writable()
        await journal.write(WriteBatch(account="me", state={"a": b"2"}))
    assert former not in [pid for (pid,) in await operator.fetch(pids)]


async def test_a_value_that_cannot_be_sent_stops_nobody_else(journal: PostgresJournal) -> None:
    async with asyncio.timeout(PATIENCE_S):
        sends = [NewSend(uid=uid, part=part, body=b"{}") for uid, part in (("a", 1), ("b", 2**40))]
        good, bad = (
            asyncio.ensure_future(journal.write(WriteBatch(account="me", sends=[send])))
            for send in sends
        )
        assert [one.uid for one in (await good).sends] == ["a"]
        with pytest.raises(InvalidBatch):
            await bad
        await journal.write(WriteBatch(account="me", state={"a": b"1"}))
    assert not journal.trouble


async def test_a_url_that_cannot_be_used_for_a_while_ends_nothing(
    address: Address, operator: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that it names may be away while it is replaced."""

    async def connect(*_: object, **__: object) -> asyncpg.Connection:
        raise hosts.InvalidUrl

    named = address._replace(node=address.schema)
    async with member(named, lease_s=LEASE_S) as journal, asyncio.timeout(PATIENCE_S):
        with monkeypatch.context() as away:
            away.setattr(hosts, "connect", connect)
            await operator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
                f"openwx/{named.node}",
            )
            assert "not a valid one" in str(await journal.until_failing())
            await until(lambda: not journal.ownership.lease.is_valid)
        await journal.until_writable()
        await journal.ownership.gate("me").passed()
        await journal.write(WriteBatch(account="me", state={"a": b"1"}))


async def test_a_batch_that_takes_long_to_arrive_is_not_sent_for_ever(
    address: Address, proxy: CuttingProxy
) -> None:
    lease_s = 1.5
    here = address._replace(url=proxy.url)
    async with asyncio.timeout(PATIENCE_S), member(here, lease_s=lease_s) as journal:
        proxy.pause_s = lease_s / 3 / 8  # for each of the pieces of a mebibyte or less
        await journal.write(WriteBatch(account="me", state={"large": bytes(16 * 2**20)}))
        assert not journal.trouble


async def test_an_account_whose_row_is_locked_for_a_moment_is_claimed(
    journal: PostgresJournal, operator: asyncpg.Connection
) -> None:
    """Such as by the last prune of its former owner."""
    await operator.execute("INSERT INTO accounts (account) VALUES ('locked')")
    async with operator.transaction():
        await operator.execute("SELECT FROM accounts WHERE account = 'locked' FOR UPDATE")
        claiming = asyncio.create_task(journal.ownership.claim(["locked"]))
        done, _ = await asyncio.wait({claiming}, timeout=0.5)
        assert not done
    assert await claiming == ["locked"]


async def test_a_node_leaves_although_an_account_is_changed_meanwhile(
    address: Address, operator: asyncpg.Connection
) -> None:
    watching = await address.connect()
    async with member(address, lease_s=LEASE_S) as journal:
        await journal.write(WriteBatch(account="me", state={"a": b"1"}))
        async with operator.transaction():
            await operator.execute("UPDATE accounts SET wanted = true WHERE account = 'me'")
            me = await operator.fetchval("SELECT pg_current_xact_id()::xid")
            assert journal._membership is not None
            leaving = asyncio.create_task(journal._membership.leave())
            async with asyncio.timeout(PATIENCE_S):
                while not await watching.fetchval(WAITERS, me):
                    await asyncio.sleep(0.02)
        await leaving
        assert await watching.fetchval("SELECT count(*) FROM nodes") == 0
    await watching.close()


async def test_many_reports_that_wait_do_not_slow_down_the_end_of_others(address: Address) -> None:
    """Not even where the planner has no statistics of the tables yet: the write would be taken for lost."""
    async with member(address) as journal:
        reports = [a_message(n) for n in range(5000)]
        written = (await journal.write(WriteBatch(account="me", reports=reports))).recorded
        ends = [DeliveryOutcome(one.id, DeliveryStatus.DELIVERED, 200) for one in written]
        failing = asyncio.create_task(journal.until_failing())
        await journal.write(WriteBatch(account="me", outcomes=ends))
        assert not failing.done()
        failing.cancel()
        assert await journal.unfinished("me") == (0, 0)
