"""Who owns an account: one process at a time, from a claim to a release, an orderly end, or its proven death."""

import asyncio
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from openwx.errors import LeaseLost
from openwx.store.base import JournalError
from openwx.store.postgres import ownership
from openwx.store.postgres.connections import Address
from openwx.store.postgres.journal import PostgresJournal
from openwx.store.records import AccountRecord, WriteBatch
from tests import postgres
from tests.patience import PATIENCE_S, until, until_seen

from ..members import a_node, member
from ..reports import a_message

SHORT_S = 3.0
"""A lease for tests that are about its end."""


@pytest.fixture
def other(address: Address) -> Address:
    """Name another node in the same schema."""
    return address._replace(node="other")


async def write(journal: PostgresJournal, account: str = "me") -> None:
    await journal.write(WriteBatch(account=account, reports=[a_message()]))


async def save(journal: PostgresJournal, account: str) -> None:
    record = AccountRecord(account=account, wanted=True, settings=b"{}", origin="api")
    await journal.save_account(record)


async def owners(journal: PostgresJournal) -> dict[str, str]:
    """Return the names of the nodes that own accounts with a record."""
    view = await journal.ownership.view()
    found = {}
    for one in view.accounts:
        node = view.node_of(one.owner)
        found[one.account] = node.node if node else ""
    return found


async def test_a_change_does_not_undo_that_of_another(address: Address, other: Address) -> None:
    async with member(address, claims=[]) as first, member(other, claims=["me"]) as second:
        record = AccountRecord(account="me", wanted=True, settings=b"{}", origin="api")
        stopped = msgspec.structs.replace(record, wanted=False)
        assert await first.ownership.replace_account(None, record)
        assert not await second.ownership.replace_account(None, stopped)
        assert await second.ownership.replace_account(record, stopped)
        noted = msgspec.structs.replace(record, settings=b"noted")
        assert not await first.ownership.replace_account(record, noted)
        assert await first.accounts() == [stopped]
        await first.forget_account("me")
        assert not await second.ownership.replace_account(stopped, record)
        assert await second.ownership.replace_account(None, record)
        assert await first.accounts() == [record]


# -- claims --------------------------------------------------------------------------------------------


async def test_nothing_is_written_for_an_account_that_was_not_claimed(address: Address) -> None:
    async with member(address, claims=[]) as journal:
        with pytest.raises(LeaseLost):
            await write(journal)
        assert await journal.ownership.claim(["me"]) == ["me"]
        await write(journal)


async def test_an_account_has_one_owner(address: Address, other: Address) -> None:
    async with member(address, claims=["me"]) as first, member(other, claims=["us"]) as second:
        assert await second.ownership.claim(["me", "us"]) == ["us"]
        assert (first.ownership.owned, second.ownership.owned) == (["me"], ["us"])
        for journal, account in ((second, "me"), (first, "us")):
            with pytest.raises(LeaseLost):
                await write(journal, account)
        await write(first, "me")
        await write(second, "us")
        assert len(await second.pending("me")) == 1  # any node reads


async def test_a_claim_of_what_is_owned_begins_no_other_term(address: Address) -> None:
    async with member(address, claims=["me"]) as journal:
        gate = journal.ownership.gate("me")
        writing = asyncio.ensure_future(write(journal))
        assert await journal.ownership.claim(["me", "me"]) == ["me"]
        await writing
        assert gate.is_open
        assert journal.ownership.gate("me") is gate


async def test_a_claim_begins_where_the_former_owner_ended(
    address: Address, operator: asyncpg.Connection
) -> None:
    terms: list[tuple[int, int, int]] = []
    for _ in range(3):
        async with member(address, claims=["me"]) as journal:
            await write(journal)
        row = await operator.fetchrow(
            "SELECT epoch, unit, last_report, incarnation FROM accounts WHERE account = 'me'"
        )
        assert row["incarnation"] is None
        terms.append(tuple(row)[:3])
    epochs, units, last = zip(*terms, strict=True)
    assert sorted(set(epochs)) == list(epochs)
    assert (units, last) == ((1, 2, 3), (1, 2, 3))


async def test_claims_at_the_same_time_share_the_accounts(address: Address) -> None:
    names = [f"account {n}" for n in range(20)]
    async with asyncio.timeout(PATIENCE_S):
        nodes = [address._replace(node=f"n{n}") for n in range(3)]
        async with (
            member(nodes[0], claims=[]) as one,
            member(nodes[1], claims=[]) as two,
            member(nodes[2], claims=[]) as three,
        ):
            journals = (one, two, three)
            found = await asyncio.gather(*(each.ownership.claim(names) for each in journals))
            assert sorted(account for each in found for account in each) == sorted(names)
            for journal in journals:
                for account in journal.ownership.owned:
                    await write(journal, account)


async def test_a_visitor_reads_and_owns_nothing(address: Address) -> None:
    async with member(address, claims=["me"]) as journal, PostgresJournal(address) as visitor:
        await write(journal)
        await visitor.save_account(
            AccountRecord(account="me", wanted=True, settings=b"", origin="api")
        )
        assert len(await visitor.pending("me")) == 1
        assert await visitor.ownership.claim(["me", "free"]) == []
        assert not visitor.ownership.lease.is_valid
        for account in ("me", "free"):
            with pytest.raises(LeaseLost):
                await write(visitor, account)
        view = await visitor.ownership.view()
        assert [node.node for node in view.nodes] == [address.node]
        assert await owners(visitor) == {"me": address.node}
        await visitor.ownership.until_hinted(0)


# -- the end of a term ---------------------------------------------------------------------------------


async def test_a_released_account_can_be_claimed_at_once(address: Address, other: Address) -> None:
    async with member(address, claims=["me"]) as first, member(other, claims=[]) as second:
        await save(first, "me")
        gate = first.ownership.gate("me")
        await first.ownership.release("me", to="other")
        assert not gate.is_open
        with pytest.raises(LeaseLost):
            gate.require_mine()
        (account,) = (await second.ownership.view()).accounts
        assert (account.owner, account.next) == (None, "other")
        assert await second.ownership.claim(["me"]) == ["me"]
        await write(second)
        for nothing_more in (write(first), first.ownership.release("me")):
            with pytest.raises(LeaseLost):
                await nothing_more
        (account,) = (await first.ownership.view()).accounts
        assert (account.owner, account.next) == (second.ownership.incarnation, "")


async def test_a_journal_that_closes_owns_nothing(address: Address, other: Address) -> None:
    async with member(address, claims=["me"]) as first:
        gate = first.ownership.gate("me")
    assert not gate.is_open
    async with member(other, claims=["me"]) as second:
        assert second.ownership.former == frozenset()
        await write(second)


async def test_a_restart_of_the_same_home_takes_its_accounts_back_at_once(address: Address) -> None:
    home = uuid4()
    async with member(address, claims=["a", "b"], home=home) as killed:
        await write(killed, "a")
        async with member(address, claims=[], home=home) as again:
            assert again.ownership.former == {"a", "b"}
            assert await again.ownership.claim(["a", "b"]) == ["a", "b"]
            await write(again, "a")
            with pytest.raises(LeaseLost):
                await write(killed, "a")
            with pytest.raises(LeaseLost):
                killed.ownership.gate("a")


async def test_what_nobody_owns_is_seen_without_an_owner(
    address: Address, other: Address, operator: asyncpg.Connection
) -> None:
    async with member(address, claims=["me"]) as first, member(other, claims=[]) as second:
        await save(second, "me")
        assert await owners(second) == {"me": address.node}
        await operator.execute(
            "DELETE FROM nodes WHERE incarnation = $1", first.ownership.incarnation
        )
        assert await owners(second) == {"me": ""}


# -- names ---------------------------------------------------------------------------------------------


async def test_of_two_that_run_with_one_home_the_one_that_began_later_stays(
    address: Address, caplog: pytest.LogCaptureFixture
) -> None:
    """They have copies of one data folder, and the later one takes the earlier one for its former process."""
    home = uuid4()
    async with member(address, claims=["me"], lease_s=SHORT_S, home=home) as first:
        gate = first.ownership.gate("me")
        async with member(address, claims=["me"], lease_s=SHORT_S, home=home) as second:
            async with asyncio.timeout(PATIENCE_S):
                await gate.until_closed()
            await until(lambda: "this node is no member: another node is called" in caplog.text)
            incarnation = second.ownership.incarnation
            await write(second)
            assert not first.ownership.lease.is_valid
        await until(lambda: first.ownership.lease.is_valid)
        assert await first.ownership.claim(["me"]) == ["me"]
        assert first.ownership.incarnation != incarnation


async def two_homes_may_not_have_one_name(address: Address) -> None:
    async with member(address, lease_s=SHORT_S):
        with pytest.raises(JournalError, match="another node is called openwx"):
            async with member(address, lease_s=SHORT_S):
                pass


async def two_names_may_not_have_one_home(address: Address) -> None:
    """One of them has a copy of the other's data folder."""
    home = uuid4()
    async with member(address, lease_s=SHORT_S, home=home):
        with pytest.raises(JournalError, match="has a copy of this data_dir"):
            async with member(address._replace(node="other"), lease_s=SHORT_S, home=home):
                pass


async def of_two_that_start_with_one_name_one_does(address: Address) -> None:
    journals = [PostgresJournal(address, a_node(address, lease_s=SHORT_S)) for _ in range(2)]
    results = await asyncio.gather(*(one.__aenter__() for one in journals), return_exceptions=True)
    refused = [one for one in results if isinstance(one, JournalError)]
    for journal, result in zip(journals, results, strict=True):
        if result is journal:
            await journal.__aexit__(None, None, None)
    assert len(refused) == 1


async def a_name_is_free_when_its_node_is_dead(address: Address) -> None:
    async with PostgresJournal(address):
        pass
    operator = await address.connect()
    dead = uuid4()
    joined = await ownership.join(operator, dead, a_node(address, lease_s=SHORT_S), in_place_of=())
    assert joined == []
    await operator.close()
    async with member(address, lease_s=SHORT_S) as journal:
        (node,) = (await journal.ownership.view()).nodes
        assert node.incarnation == journal.ownership.incarnation


async def test_names_and_homes_are_of_one_node_each(postgres_url: str) -> None:
    """Side by side, each in a schema of its own: each takes a lease."""
    scenes = (
        two_homes_may_not_have_one_name,
        two_names_may_not_have_one_home,
        of_two_that_start_with_one_name_one_does,
        a_name_is_free_when_its_node_is_dead,
    )
    async with asyncio.TaskGroup() as tasks:
        for scene in scenes:
            address = Address(postgres_url, postgres.new_schema())
            tasks.create_task(scene(address), name=scene.__name__)


# -- membership ----------------------------------------------------------------------------------------


async def test_a_node_that_was_declared_dead_stops_and_joins_anew(
    address: Address, operator: asyncpg.Connection
) -> None:
    async with member(address, claims=["me"], lease_s=SHORT_S) as journal:
        mine, former = journal.ownership, journal.ownership.incarnation
        gate = mine.gate("me")
        await until(lambda: mine.lease.is_valid)
        await operator.execute("DELETE FROM nodes")
        async with asyncio.timeout(PATIENCE_S):
            await gate.until_closed()
        with pytest.raises(LeaseLost):
            await write(journal)
        await until(lambda: mine.incarnation != former and mine.lease.is_valid)
        assert (mine.owned, mine.former) == ([], frozenset())
        assert await mine.claim(["me"]) == ["me"]
        await write(journal)
        await until(lambda: mine.gate("me").is_open)
        assert not gate.is_open


@pytest.mark.parametrize("forgets", ["incarnation = NULL", "epoch = epoch - 1"])
async def test_a_node_stops_what_postgresql_does_not_know_of(
    address: Address, operator: asyncpg.Connection, forgets: str
) -> None:
    """A failover to a standby may lose a claim: others may claim the account, also where this node writes nothing."""
    async with member(address, claims=["me", "us"], lease_s=SHORT_S) as journal:
        mine, gate = journal.ownership, journal.ownership.gate("me")
        await operator.execute(f"UPDATE accounts SET {forgets} WHERE account = 'me'")
        async with asyncio.timeout(PATIENCE_S):
            await gate.until_closed()
        assert mine.owned == ["us"]
        assert mine.gate("us").is_open
        await until(lambda: mine.lease.left_s > 0.7 * SHORT_S)
        assert await mine.claim(["me"]) == ["me"]
        await write(journal)


async def test_a_member_says_what_it_is(address: Address) -> None:
    url = "http://10.0.0.5:3100"
    async with member(address, url=url, max_clients=7, is_draining=True) as journal:
        (node,) = (await journal.ownership.view()).nodes
        assert (node.node, node.url) == (address.node, url)
        assert (node.max_clients, node.is_draining) == (7, True)


async def test_a_node_drains_until_told_otherwise(
    address: Address, operator: asyncpg.Connection
) -> None:
    async with member(address, lease_s=SHORT_S) as journal, PostgresJournal(address) as visitor:
        former = journal.ownership.incarnation

        async def is_draining() -> bool:
            nodes = (await journal.ownership.view()).nodes
            return bool(nodes) and nodes[0].is_draining

        assert await visitor.ownership.set_draining(address.node, is_draining=True)
        assert await is_draining()
        beats = (await journal.ownership.view()).nodes[0].beat
        await until_seen(visitor.ownership.view, lambda view: view.nodes[0].beat > beats)
        await operator.execute("DELETE FROM nodes")
        await until(lambda: journal.ownership.incarnation != former)
        await until_seen(is_draining)  # it did not forget
        assert await visitor.ownership.set_draining(address.node, is_draining=False)
        assert not await is_draining()
        assert not await visitor.ownership.set_draining("nobody", is_draining=True)


async def drains(journal: PostgresJournal) -> bool:
    (node,) = (await journal.ownership.view()).nodes
    return node.is_draining


async def test_a_drained_node_drains_after_a_restart_until_told_otherwise(address: Address) -> None:
    home = uuid4()
    async with member(address, claims=[], home=home), PostgresJournal(address) as operator:
        assert await operator.ownership.set_draining(address.node, is_draining=True)
        async with member(address, claims=[], home=home) as killed_before:
            assert await drains(killed_before)
            await killed_before.ownership.begin_to_leave()
        async with member(address, claims=[], home=home) as left_before:
            assert await drains(left_before)
        # It may be said while the node does not run.
        assert await operator.ownership.set_draining(address.node, is_draining=False)
        async with member(address, claims=[], home=home) as found:
            assert not await drains(found)


async def test_a_node_that_left_by_itself_takes_accounts_after_a_restart(address: Address) -> None:
    home = uuid4()
    async with member(address, claims=[], home=home) as leaving:
        await leaving.ownership.begin_to_leave()
        assert await drains(leaving)
        async with member(address, claims=[], home=home) as after_a_kill:
            assert not await drains(after_a_kill)
            await after_a_kill.ownership.begin_to_leave()
        async with member(address, claims=[], home=home) as again:
            assert not await drains(again)
    async with (
        member(address, claims=[], home=home, is_draining=True),
        member(address, claims=[], home=home) as after_a_command,
    ):
        assert not await drains(after_a_command)


async def test_a_node_that_leaves_does_not_forget_that(
    address: Address, operator: asyncpg.Connection
) -> None:
    async with member(address, claims=[], lease_s=SHORT_S) as journal:
        former = journal.ownership.incarnation
        await journal.ownership.begin_to_leave()
        await operator.execute("DELETE FROM nodes")  # it was declared dead
        await until(lambda: journal.ownership.incarnation != former)
        assert await drains(journal)


async def test_an_account_is_assigned(address: Address) -> None:
    async with member(address, claims=["me"]) as journal, PostgresJournal(address) as visitor:
        await save(journal, "me")
        assert await visitor.ownership.assign("me", "other")
        assert await visitor.ownership.assign("me", "third")
        (account,) = (await journal.ownership.view()).accounts
        assert account.next == "third"
        assert not await visitor.ownership.assign("nobody", "other")
