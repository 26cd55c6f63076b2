"""Which accounts a node takes, hands over and stops."""

import random
from collections.abc import Mapping
from typing import Any

import pytest

from openwx.cluster.placement import (
    BEYOND_AT_A_TIME,
    Absences,
    Decision,
    Fit,
    decide,
    fair_share,
)
from openwx.store.records import ClusterView, OwnedAccount
from tests.unit.cluster.seen import LEASE_S, account, me, node, uuid_of, view

NEW, LATE, LOST = 0.0, 2 * LEASE_S, 3 * LEASE_S


def of(
    name: str, seen: ClusterView, for_s: float | Mapping[str, float] = NEW, **more: Any
) -> Decision:
    """Return what a node decides that has seen what has no owner for so long."""
    free = Absences(LEASE_S).note(seen, 0.0)
    ages = for_s if isinstance(for_s, Mapping) else dict.fromkeys(free, for_s)
    return decide(seen, me(name, seen, **more), {one: ages.get(one, NEW) for one in free})


FOUR = ["w", "x", "y", "z"]


@pytest.mark.parametrize(
    ("nodes", "accounts", "share"),
    [
        (["a"], FOUR, 4),
        (["a", "b", "c"], FOUR, 2),
        (["a", "b", node("c", draining=True)], FOUR, 2),
        (["a", "b"], [account("x", wanted=False), "y"], 1),
        ([node("a", draining=True)], FOUR, 0),
        (["a", "b"], [], 0),
    ],
)
def test_the_fair_share(nodes: list[Any], accounts: list[Any], share: int) -> None:
    assert fair_share(view(nodes, accounts)) == share


def test_a_node_alone_takes_all() -> None:
    assert sorted(of("a", view(["a"], FOUR)).claim) == FOUR


def test_nobody_takes_more_than_the_share() -> None:
    seen = view(["a", "b", "c"], FOUR)
    assert len(of("a", seen).claim) == 2
    mine = view(["a", "b", "c"], [account("w", "a"), account("x", "a"), *map(account, "yz")])
    assert of("a", mine).claim == []
    assert of("b", mine).claim


def test_nodes_do_not_all_want_the_same_ones_first() -> None:
    seen = view(["a", "b", "c"], [f"n{number}" for number in range(30)])
    chosen = [frozenset(of(name, seen).claim) for name in "abc"]
    assert len(set(chosen)) == 3


def test_max_clients_bounds_everything() -> None:
    seen = view([node("a", most=2)], [account("v", "a"), *FOUR])
    for for_s in (NEW, LATE, 100 * LEASE_S):
        assert len(of("a", seen, for_s).claim) == 1
        assert len(of("a", seen, for_s, former=FOUR).claim) == 1


def test_what_is_not_wanted_or_owned_is_not_taken() -> None:
    seen = view(["a", "b"], [account("w", wanted=False), account("x", "b"), account("y", "gone")])
    assert of("a", seen, LATE).claim == ["y"]


def test_what_this_node_does_not_know_is_never_taken() -> None:
    seen = view(["a"], ["x", "y"])
    assert of("a", seen, 100 * LEASE_S, fits={"y": Fit.READY}).claim == ["y"]


def test_other_settings_are_only_for_what_nobody_else_takes() -> None:
    seen = view(["a"], ["x"])
    assert of("a", seen, LATE - 0.1, fits={"x": Fit.LATE}).claim == []
    assert of("a", seen, LATE, fits={"x": Fit.LATE}).claim == ["x"]


def test_beyond_the_share_a_few_at_a_time() -> None:
    mine = [account("v", "a"), *(account(f"n{number}") for number in range(11))]
    seen = view(["a", "b"], mine)
    ages = dict.fromkeys([f"n{number}" for number in range(11)], LATE)
    assert len(of("a", seen, ages).claim) == 5 + BEYOND_AT_A_TIME
    assert len(of("a", view([node("a", most=7), "b"], mine), ages).claim) == 6


def test_a_node_that_has_just_joined_takes_what_its_former_process_had() -> None:
    seen = view(["a", "b"], FOUR)
    new = of("a", seen, LATE, has_settled=False, former=["x", "y", "z"])
    assert sorted(new.claim) == ["x", "y", "z"]
    assert of("a", seen, LATE, has_settled=False).claim == []
    late = of("a", seen, has_settled=False, former=["x"], fits={"x": Fit.LATE})
    assert late.claim == ["x"]


def test_next_names_who_takes_it_for_one_lease() -> None:
    mine = [account(name, "b") for name in FOUR]
    seen = view(["a", "b", "c"], [*mine, account("n", after="b")])
    assert of("b", seen).claim == ["n"]  # beyond its share
    assert of("a", seen, LEASE_S - 0.1).claim == []
    assert of("a", seen, LEASE_S).claim == ["n"]


@pytest.mark.parametrize("other", [[], [node("b", draining=True)]])
def test_next_binds_nobody_to_a_node_that_takes_nothing(other: list[Any]) -> None:
    assert of("a", view(["a", *other], [account("n", after="b")])).claim == ["n"]


@pytest.mark.parametrize(
    ("nodes", "goes"),
    [
        (["a", "b"], {"n": "b"}),
        (["a"], {}),
        (["a", node("b", draining=True)], {}),
        (["a", node("b", most=1)], {}),
    ],
)
def test_a_move_is_handed_over_to_a_node_that_can_take_it(
    nodes: list[Any], goes: dict[str, str]
) -> None:
    seen = view(nodes, [account("n", "a", after="b"), account("m", "b")])
    assert of("a", seen).hand_over == goes
    assert of("b", seen).hand_over == {} if "b" in nodes else True


def test_a_move_to_where_it_runs_is_nothing() -> None:
    assert of("a", view(["a", "b"], [account("n", "a", after="a")])) == Decision()


def test_a_node_that_drains_hands_all_over_and_takes_nothing() -> None:
    mine = [
        account("m", "a"),
        account("n", "a", after="c"),
        account("o", "a", wanted=False),
        account("p"),
    ]
    drained = of("a", view([node("a", draining=True), "b", "c"], mine), LATE)
    assert drained == Decision(claim=[], hand_over={"m": "", "n": "c"}, stop=["o"])


def test_nothing_that_runs_is_moved_to_even_out_the_load() -> None:
    seen = view(["a", "b", "c"], [account(name, "a") for name in FOUR])
    for name in "abc":
        assert of(name, seen) == Decision()


def test_what_is_not_wanted_any_more_is_stopped_by_its_owner() -> None:
    seen = view(["a", "b"], [account("n", "a", wanted=False)])
    assert of("a", seen).stop == ["n"]
    assert of("b", seen) == Decision()


def test_what_no_node_can_take_is_told() -> None:
    seen = view([node("a", most=0), "b"], ["x"])
    assert of("a", seen, LOST - 0.1).lost == []
    assert of("a", seen, LOST).lost == ["x"]
    assert of("b", seen, LOST) == Decision(claim=["x"])


def test_a_process_that_is_no_member_does_nothing() -> None:
    assert of("a", view(["b"], [account("x", "a"), "y"]), LATE) == Decision()


def test_absences_are_watched_anew_after_a_gap() -> None:
    watch = Absences(gap_s=4.0)
    seen = view(["a"], ["x"])
    assert watch.note(seen, 10.0) == {"x": 0.0}
    assert watch.note(seen, 13.0) == {"x": 3.0}
    assert watch.note(seen, 20.0) == {"x": 0.0}
    assert watch.note(view(["a"], [account("x", "a")]), 22.0) == {}
    assert watch.note(seen, 24.0) == {"x": 0.0}


class Cluster:
    """Nodes and accounts that change at random, and what nodes decide is done at once."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = 0.0
        self.nodes: dict[str, tuple[int, bool]] = {}
        self.accounts = {f"n{number}": account(f"n{number}") for number in range(12)}
        self.watches: dict[str, Absences] = {}
        self.joined: dict[str, float] = {}
        self.causes: set[str] = set()
        """The accounts that may leave their nodes."""

    def view(self) -> ClusterView:
        nodes = [node(name, draining=dr, most=most) for name, (most, dr) in self.nodes.items()]
        members = {one.incarnation for one in nodes}
        accounts = [
            one if one.owner in members else self.of(one, owner=None)
            for one in self.accounts.values()
        ]
        return ClusterView(nodes, accounts)

    @staticmethod
    def of(one: OwnedAccount, **changes: Any) -> OwnedAccount:
        fields = {name: getattr(one, name) for name in one.__struct_fields__}
        return OwnedAccount(**fields | changes)

    def set(self, name: str, **changes: Any) -> None:
        self.accounts[name] = self.of(self.accounts[name], **changes)

    def disturb(self) -> None:
        pick = self.random.choice
        name, who = pick([*self.accounts]), pick("abcd")
        match pick(["join", "die", "drain", "want", "move", "none", "none", "none"]):
            case "join" if who not in self.nodes:
                self.nodes[who] = (pick([3, 6, 20]), False)
                self.watches[who], self.joined[who] = Absences(LEASE_S), self.now
            case "die" if who in self.nodes:
                del self.nodes[who]
                for one in [*self.accounts.values()]:
                    if one.owner == uuid_of(who):  # another process of the name is another member
                        self.set(one.account, owner=None)
            case "drain" if who in self.nodes:
                most, draining = self.nodes[who]
                self.nodes[who] = (most, not draining)
            case "want":
                self.set(name, wanted=not self.accounts[name].wanted)
            case "move":
                self.set(name, next=who)

    def turn(self, who: str) -> None:
        """Do what a node decides, and check that it may."""
        seen = self.view()
        former = [one.account for one in seen.accounts if self.random.random() < 0.05]
        placing = me(
            who,
            seen,
            has_settled=self.now - self.joined[who] >= LEASE_S / 5,
            former=former,
        )
        absent = self.watches[who].note(seen, self.now)
        decision = decide(seen, placing, absent)
        rows = {one.account: one for one in seen.accounts}
        mine = [one for one in seen.accounts if one.owner == uuid_of(who)]
        most, draining = self.nodes[who]
        assert len(set(decision.claim)) == len(decision.claim)
        if decision.claim:
            assert not draining
            assert len(mine) + len(decision.claim) <= most
            assert all(rows[name].wanted and rows[name].owner is None for name in decision.claim)
            by_share = [
                name
                for name in decision.claim
                if name not in former and rows[name].next != who and absent[name] < LATE
            ]
            assert len(by_share) <= max(0, min(fair_share(seen), most) - len(mine))
        for name, to in decision.hand_over.items():
            assert rows[name].owner == uuid_of(who)
            assert rows[name].wanted
            assert to == rows[name].next != who if to else draining
            self.set(name, owner=None, next=to)
        for name in decision.stop:
            assert rows[name].owner == uuid_of(who)
            assert not rows[name].wanted
            self.set(name, owner=None)
        assert set(decision.hand_over) | set(decision.stop) >= (
            {one.account for one in mine} if draining else set()
        )
        for name in decision.claim:
            self.set(name, owner=uuid_of(who), next="")

    def turns(self) -> None:
        self.now += LEASE_S / 5
        for who in self.random.sample([*self.nodes], len(self.nodes)):
            self.turn(who)

    def room(self) -> int:
        return sum(most for most, draining in self.nodes.values() if not draining)

    def absent(self) -> list[str]:
        return [one.account for one in self.view().accounts if one.wanted and one.owner is None]


@pytest.mark.parametrize("seed", range(60))
def test_whatever_happens_all_accounts_find_a_node(seed: int) -> None:
    cluster = Cluster(seed)
    for _ in range(150):
        cluster.disturb()
        cluster.turns()
    # Nothing happens any more: within some leases, as many run as there is room for.
    for _ in range(5 * 6):
        cluster.turns()
    wanted = sum(one.wanted for one in cluster.accounts.values())
    assert len(cluster.absent()) == max(0, wanted - cluster.room())
    # And then nothing moves.
    before = dict(cluster.accounts)
    for _ in range(5 * 6):
        cluster.turns()
    assert cluster.accounts == before
