"""The loop of a node, with rows in memory and accounts that do nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
from msgspec.structs import replace

from openwx import store
from openwx.accounts.manager import AccountManager
from openwx.accounts.registry import AccountRegistry
from openwx.cluster.node import ClusterNode
from openwx.cluster.placement import fair_share
from openwx.cluster.secret import proof_of
from openwx.cluster.term import STARTING_AT_A_TIME
from openwx.config import AccountSettings, Settings
from openwx.domain.events import State
from openwx.errors import LeaseLost
from openwx.lease import Gate, Lease
from openwx.store.base import Journal, JournalError
from openwx.store.records import AccountRecord, ClusterView, Node, OwnedAccount
from tests.patience import PATIENCE_S, until
from tests.unit.cluster.seen import account, uuid_of
from tests.unit.cluster.seen import node as node_of

ME = "a"


def record_of(row: OwnedAccount) -> AccountRecord:
    return AccountRecord(
        account=row.account, wanted=row.wanted, settings=row.settings, origin=row.origin
    )


class Table:
    """Implements ``Ownership`` in memory."""

    def __init__(self) -> None:
        self.node = ME
        self.own_account = f"clock {ME}"
        self.incarnation: UUID = uuid_of(ME)
        self.lease = Lease()
        self.former: frozenset[str] = frozenset()
        self.rows: dict[str, OwnedAccount] = {}
        self.nodes: list[Node] = [node_of(ME)]
        self.gates: dict[str, Gate] = {}
        self.released: list[tuple[str, str]] = []
        self.is_away = False
        self.fails_after_claim = False
        self.meanwhile: Callable[[], object] | None = None
        """What another node does before the next change of a row."""
        self.before_claim: Callable[[], object] | None = None
        """What another node does between a look and the claim that follows."""
        self.looks = 0
        self.looks_in_vain = 0
        self.hint = asyncio.Event()

    @property
    def owned(self) -> list[str]:
        return sorted(self.gates)

    def gate(self, account: str) -> Gate:
        return self.gates[account]

    async def view(self) -> ClusterView:
        if self.is_away:
            self.looks_in_vain += 1
            raise JournalError("away")
        self.looks += 1
        return ClusterView([*self.nodes], [*self.rows.values()])

    async def until_hinted(self, within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s):
                await self.hint.wait()
        except TimeoutError:
            return
        self.hint.clear()

    async def claim(self, accounts: Sequence[str]) -> list[str]:
        if accounts and self.before_claim is not None:
            self.before_claim()
            self.before_claim = None
        for name in accounts:
            self.set(name, owner=self.incarnation, epoch=self.rows[name].epoch + 1, next="")
            self.gates[name] = Gate(self.lease)
        if self.fails_after_claim:
            self.fails_after_claim = False
            raise JournalError("away")
        return [*accounts]

    async def release(self, account: str, *, to: str = "") -> None:
        if account not in self.gates:
            raise LeaseLost("not owned")
        self.gates.pop(account).close()
        self.set(account, owner=None, next=to)
        self.released.append((account, to))

    async def replace_account(self, former: AccountRecord | None, record: AccountRecord) -> bool:
        if self.meanwhile is not None:
            self.meanwhile()
            self.meanwhile = None
        row = self.rows.get(record.account)
        if former != (None if row is None else record_of(row)):
            return False
        self.rows[record.account] = OwnedAccount(
            account=record.account,
            wanted=record.wanted,
            settings=record.settings,
            origin=record.origin,
            owner=None if row is None else row.owner,
            epoch=0 if row is None else row.epoch,
            next="",
        )
        return True

    async def assign(self, account: str, node: str) -> bool:
        self.set(account, next=node)
        return True

    async def set_draining(self, node: str, *, is_draining: bool) -> bool:
        self.nodes = [
            replace(one, is_draining=is_draining) if one.node == node else one for one in self.nodes
        ]
        return True

    async def begin_to_leave(self) -> None:
        await self.set_draining(self.node, is_draining=True)

    def lose(self, account: str) -> None:
        """Have another node take an account."""
        self.gates.pop(account).close()
        self.set(account, owner=uuid_of("b"))

    def set(self, account: str, **changes: Any) -> None:
        self.rows[account] = replace(self.rows[account], **changes)
        self.hint.set()


class Shared:
    """A journal whose rows of accounts are those of the table."""

    def __init__(self, journal: Journal, table: Table) -> None:
        self.ownership = table
        self._journal = journal
        self._table = table

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def accounts(self) -> list[AccountRecord]:
        return [record_of(one) for one in self._table.rows.values()]


class Idle:
    """An account that starts when it is told to, and does nothing."""

    def __init__(self, name: str, gate: Gate, settled: asyncio.Event) -> None:
        self.name = name
        self.gate = gate
        self.state = State.RUNNING
        self.stop_requested = False
        self.goes_on_elsewhere = False
        self.has_told_stop = False
        self.ended = asyncio.Event()
        self.was: list[str] = []
        self._settled = settled

    async def until_settled(self, within_s: float) -> None:
        waits = [
            asyncio.ensure_future(one)
            for one in (self._settled.wait(), self.ended.wait(), self.gate.until_closed())
        ]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if self.gate.is_closed:
            self.ended.set()

    def hand_over(self) -> None:
        self.goes_on_elsewhere = True
        self._ends("handed over")

    def stop(self) -> None:
        self.has_told_stop = True
        self._ends("stopped")

    def _ends(self, how: str) -> None:
        self.was.append(how)
        self.stop_requested = True
        self.state = State.STOP
        self.ended.set()


class Manager:
    """What a node uses of an ``AccountManager``."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.accounts: dict[str, Idle] = {}
        self.all: dict[str, Idle] = {}
        self.settled = asyncio.Event()
        self.faulty: set[str] = set()
        self.settings_of: dict[str, AccountSettings] = {}
        self.saved = AccountRegistry()

    def adopt(self, name: str, settings: AccountSettings, gate: Gate) -> Idle:
        if name in self.faulty:
            raise ValueError("a bug")
        self.settings_of[name] = settings
        self.accounts[name] = self.all[name] = Idle(name, gate, self.settled)
        return self.accounts[name]

    async def drop(self, account: Idle) -> None:
        assert account.ended.is_set()
        del self.accounts[account.name]

    def note(self, saved: AccountRegistry) -> None:
        self.saved = saved

    def stop_soon(self, account: Idle, delay_s: float) -> None:
        account.stop()


class World:
    """A node, and what is around it."""

    def __init__(self, journal: Journal, count: int, **of_cluster: object) -> None:
        names = [f"n{number}" for number in range(count)]
        settings = Settings(accounts={name: AccountSettings() for name in names})
        quick = settings.cluster.model_copy(update={"lease": 0.5, "join_pause": 0.0, **of_cluster})
        self.table = Table()
        self.manager = Manager(settings)
        self.node = ClusterNode(
            settings.model_copy(update={"cluster": quick}),
            cast("AccountManager", self.manager),
            cast("Journal", Shared(journal, self.table)),
            self.table,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the node; leave in the end."""
        task = asyncio.create_task(self.node.run())
        yield
        await self.node.leave()
        await task


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with store.open(tmp_path / "journal") as journal:
        yield journal


@pytest.fixture
def world(journal: Journal) -> World:
    """Return a node with one account, which starts at once."""
    made = World(journal, 1)
    made.manager.settled.set()
    return made


async def test_a_few_start_at_a_time_and_all_are_handed_over_in_the_end(journal: Journal) -> None:
    world = World(journal, 10)
    table, manager = world.table, world.manager
    async with world.running():
        await until(lambda: len(manager.all) == STARTING_AT_A_TIME)
        assert len(table.owned) == 10
        assert len(manager.accounts) == STARTING_AT_A_TIME
        manager.settled.set()
        await until(lambda: len(manager.accounts) == 10)
        manager.settled.clear()
    assert {name: one.was for name, one in manager.all.items()} == {
        f"n{number}": ["handed over"] for number in range(10)
    }
    assert sorted(table.released) == [(f"n{number}", "") for number in range(10)]
    assert table.nodes[0].is_draining


async def test_the_log_names_a_node_with_another_secret_once(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(journal, 0, secret="s" * 32)
    proofs = {ME: proof_of("s" * 32), "b": proof_of("s" * 32), "c": proof_of("x" * 32), "d": ""}
    world.table.nodes = [replace(node_of(name), proof=proof) for name, proof in proofs.items()]
    async with world.running():
        await until(lambda: world.table.looks > 3)
    (line,) = [one for one in caplog.messages if "cluster.secret" in one]
    assert line.startswith("c has another cluster.secret: neither node forwards calls")


async def test_a_row_whose_name_no_account_may_have_counts_nowhere(journal: Journal) -> None:
    world = World(journal, 2)
    table = world.table
    table.rows |= {name: account(name) for name in ("../x", "a\nb")}
    table.nodes.append(node_of("b"))
    world.manager.settled.set()
    async with world.running():
        await until(lambda: table.owned)
        assert fair_share(world.node.seen) == 1
        assert [one.account for one in world.node.seen.accounts] == ["n0", "n1"]


async def test_what_has_not_started_yet_is_released_without_a_start(journal: Journal) -> None:
    world = World(journal, 8)
    async with world.running():
        await until(lambda: len(world.manager.all) == STARTING_AT_A_TIME)
    assert len(world.manager.all) == STARTING_AT_A_TIME
    assert len(world.table.released) == 8


async def test_what_waits_for_the_journal_does_not_hold_up_the_end(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def state(_: str) -> dict[str, bytes]:
        asked.set()
        raise JournalError("away")

    monkeypatch.setattr(journal, "state", state)
    world = World(journal, 1)
    async with asyncio.timeout(PATIENCE_S), world.running():
        await asked.wait()
    assert not world.manager.all
    assert world.table.released == [("n0", "")]


def leave_changes_unanswered(table: Table, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Never answer a change of a row. Return what is set when one is asked for."""
    asked = asyncio.Event()

    async def replace_account(*_: object) -> bool:
        asked.set()
        await asyncio.Event().wait()
        return True

    monkeypatch.setattr(table, "replace_account", replace_account)
    return asked


async def test_a_change_of_a_row_without_an_answer_does_not_hold_up_the_end(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(journal, 1)
    asked = leave_changes_unanswered(world.table, monkeypatch)
    async with asyncio.timeout(PATIENCE_S), world.running():
        await asked.wait()
    assert not world.table.rows


async def test_an_account_that_is_lost_is_not_released_and_may_come_back(world: World) -> None:
    table, manager = world.table, world.manager
    table.nodes.append(node_of("b"))
    async with world.running():
        await until(lambda: "n0" in manager.accounts)
        first = manager.accounts["n0"]
        table.lose("n0")
        first.ended.set()
        await until(lambda: not manager.accounts)
        assert not table.released
        table.set("n0", owner=None)
        await until(lambda: "n0" in manager.accounts)
        assert manager.accounts["n0"] is not first


async def test_a_move_is_released_to_its_node(world: World) -> None:
    world.table.nodes.append(node_of("b"))
    async with world.running():
        await until(lambda: "n0" in world.manager.accounts)
        await world.table.assign("n0", "b")
        await until(lambda: world.table.released)
    assert world.table.released == [("n0", "b")]
    assert world.manager.all["n0"].was == ["handed over"]


async def test_what_a_restart_took_back_can_be_moved(world: World) -> None:
    """The first right of a node to what its former process had ends with the next term."""
    table = world.table
    table.nodes.append(node_of("b"))
    table.former = frozenset({"n0"})
    async with world.running():
        await until(lambda: "n0" in world.manager.accounts)
        await table.assign("n0", "b")
        await until(lambda: table.released)
        looks = table.looks
        await until(lambda: table.looks > looks + 1)
        assert table.rows["n0"].next == "b"
        assert table.owned == []


async def test_what_was_claimed_by_a_call_that_failed_runs(journal: Journal) -> None:
    world = World(journal, 2)
    table = world.table
    world.manager.settled.set()
    table.fails_after_claim = True
    async with world.running():
        await until(lambda: len(world.manager.accounts) == 2)
        assert not table.fails_after_claim


async def test_what_the_journal_failed_is_released(world: World) -> None:
    """It is this node's as far as the others know, but nothing may be written for it any more."""
    table, manager = world.table, world.manager
    async with world.running():
        await until(lambda: "n0" in manager.accounts)
        first = manager.accounts["n0"]
        first.gate.close()
        first.ended.set()
        await until(lambda: table.released == [("n0", "")])
        await until(lambda: "n0" in manager.accounts)
        assert manager.accounts["n0"] is not first


async def test_what_is_not_wanted_is_stopped_and_started_when_it_is_again(world: World) -> None:
    table, manager = world.table, world.manager
    async with world.running():
        await until(lambda: "n0" in manager.accounts)
        first = manager.accounts["n0"]
        table.set("n0", wanted=False)
        await until(lambda: table.released)
        assert first.was == ["stopped"]
        assert not manager.saved.of("n0").wanted  # so nobody waits for it to run
        table.set("n0", wanted=True)
        await until(lambda: "n0" in manager.accounts)


UNTOLD = b'{"has_untold_stop":true}'


def untold(table: Table, name: str) -> bool:
    return b"untold" in table.rows[name].settings


async def test_a_stop_that_nobody_told_is_told_once(world: World) -> None:
    """It was asked for while no node had the account."""
    table, manager = world.table, world.manager
    table.rows["n0"] = account("n0", wanted=False, settings=UNTOLD)
    async with world.running():
        await until(lambda: table.released)
        assert manager.all["n0"].was == ["stopped"]
        assert not untold(table, "n0")
        looks = table.looks
        await until(lambda: table.looks > looks + 1)
    assert table.released == [("n0", "")]


async def test_a_stop_that_another_node_told_before_the_claim_is_not_told_again(
    journal: Journal,
) -> None:
    world = World(journal, 1)
    table, manager = world.table, world.manager
    manager.settled.set()
    table.rows["n0"] = account("n0", wanted=False, settings=UNTOLD)
    table.before_claim = lambda: table.set("n0", wanted=False, settings=b"{}", epoch=1)
    async with world.running():
        await until(lambda: table.released)
    assert not manager.all


async def test_a_note_of_a_told_stop_without_an_answer_does_not_hold_up_the_end(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(journal, 1)
    table = world.table
    table.rows["n0"] = account("n0", wanted=False, settings=UNTOLD)
    asked = leave_changes_unanswered(table, monkeypatch)
    async with asyncio.timeout(PATIENCE_S), world.running():
        await asked.wait()
    assert table.released == [("n0", "")]


async def test_a_stop_that_the_journal_did_not_take_is_told_by_the_next_term(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(self: Idle) -> None:
        self.has_told_stop = len(table.released) > 0
        self.ended.set()

    monkeypatch.setattr(Idle, "stop", stop)
    table = world.table
    table.rows["n0"] = account("n0", wanted=False, settings=UNTOLD)
    async with world.running():
        await until(lambda: len(table.released) == 2)
    assert not untold(table, "n0")


async def test_a_stop_that_was_told_is_not_told_again(world: World) -> None:
    table, manager = world.table, world.manager
    async with world.running():
        await until(lambda: "n0" in manager.accounts)
        first = manager.accounts["n0"]
        table.set("n0", wanted=False, settings=UNTOLD)
        await until(lambda: table.released)
        assert not untold(table, "n0")
        assert manager.all["n0"] is first
        assert first.was == ["stopped"]


async def test_a_stop_during_a_hand_over_is_left_to_the_next_node(world: World) -> None:
    table, manager = world.table, world.manager
    table.nodes.append(node_of("b"))
    async with world.running():
        await until(lambda: "n0" in manager.accounts)
        first = manager.accounts["n0"]
        await table.assign("n0", "b")
        await until(lambda: first.was)
        table.set("n0", wanted=False, settings=UNTOLD)
        await until(lambda: table.released == [("n0", "b"), ("n0", "")])
        assert first.was == ["handed over"]
        assert manager.all["n0"].was == ["stopped"]


async def test_what_was_stopped_and_started_between_two_looks_runs_with_its_last_settings(
    journal: Journal,
) -> None:
    world = World(journal, 0)
    table, manager = world.table, world.manager
    manager.settled.set()
    started = b'{"started_with":{"client":"n0","transport":"%s"},"start":"%s"}'
    table.rows["n0"] = account("n0", settings=started % (b"web", b"1"))
    async with world.running():
        await until(lambda: "n0" in manager.accounts)
        first = manager.accounts["n0"]
        table.set("n0", settings=started % (b"web", b"2"))
        looks = table.looks
        await until(lambda: table.looks > looks + 1)
        assert first.was == []
        table.set("n0", settings=started % (b"ilink", b"3"))
        await until(lambda: manager.settings_of["n0"].transport == "ilink")
        assert first.was == ["stopped"]


async def test_what_was_stopped_and_started_before_it_runs_has_its_last_settings(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(journal, 0)
    table, manager = world.table, world.manager
    started = b'{"started_with":{"client":"n0","transport":"%s"},"start":"%s"}'
    table.rows["n0"] = account("n0", settings=started % (b"web", b"1"))
    asked, goes_on = asyncio.Event(), asyncio.Event()
    state = journal.state

    async def slow_state(name: str) -> dict[str, bytes]:
        asked.set()
        await goes_on.wait()
        return await state(name)

    monkeypatch.setattr(journal, "state", slow_state)
    async with world.running():
        await asked.wait()
        table.set("n0", settings=started % (b"ilink", b"2"))
        looks = table.looks
        await until(lambda: table.looks > looks + 1)
        goes_on.set()
        await until(lambda: "n0" in manager.all)
        assert manager.settings_of["n0"].transport == "ilink"


@pytest.mark.parametrize("has_row", [False, True])
async def test_a_stop_is_not_undone_by_what_a_node_notes_of_its_configuration(
    world: World, has_row: bool
) -> None:
    """It comes from another node, between the look at the row and the change of it."""
    table = world.table
    row = account("n0", settings=b'{"digest":"of another configuration"}')
    table.meanwhile = lambda: table.rows.update(n0=replace(table.rows.get("n0", row), wanted=False))
    if has_row:
        table.rows["n0"] = row
    async with world.running():
        await until(lambda: table.meanwhile is None)
        looks = table.looks
        await until(lambda: table.looks > looks + 1 and not table.owned)
    assert not table.rows["n0"].wanted


async def test_a_bug_in_one_stops_that_one(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    """It is let go after a while, so that it does not go round all nodes."""
    world = World(journal, 3)
    world.manager.faulty.add("n1")
    world.manager.settled.set()
    async with world.running():
        await until(lambda: world.manager.accounts.keys() == {"n0", "n2"})
        await until(lambda: world.table.released)
        assert world.table.released == [("n1", "")]
        assert "n1: a bug in openwx" in caplog.text
        world.manager.faulty.clear()
        await until(lambda: "n1" in world.manager.accounts)


async def test_while_the_store_is_away_nothing_changes(journal: Journal) -> None:
    world = World(journal, 2)
    table, manager = world.table, world.manager
    manager.settled.set()
    async with world.running():
        await until(lambda: len(manager.accounts) == 2)
        table.is_away = True
        table.set("n0", wanted=False)
        table.lease.renew(0.0)
        assert world.node.why_not_ready == "the node has no lease"
        await until(lambda: table.looks_in_vain > 1)
        assert len(manager.accounts) == 2
        table.is_away = False
        table.lease.renew(float("inf"))
        await until(lambda: table.released == [("n0", "")])
    assert world.node.why_not_ready == "the node drains"
