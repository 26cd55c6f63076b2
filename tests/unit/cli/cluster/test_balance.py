"""Which account a rebalance moves next, until there is nothing to move."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwx.cli.cluster.balance import Move, next_move
from openwx.store.records import ClusterView
from tests.unit.cluster.seen import account, node, owning


def after(before: ClusterView, move: Move) -> ClusterView:
    accounts = [
        account(one.account, move.target) if one.account == move.account else one
        for one in before.accounts
    ]
    return ClusterView(before.nodes, accounts)


def balanced(before: ClusterView) -> tuple[ClusterView, int]:
    """Make all moves. Return what is then, and how many there were."""
    count = 0
    while move := next_move(before):
        before = after(before, move)
        count += 1
        assert count <= len(before.accounts)
    return before, count


def counts(of: ClusterView) -> list[int]:
    owners = Counter(one.owner for one in of.accounts)
    return [owners[one.incarnation] for one in of.nodes]


@pytest.mark.parametrize(
    ("before", "then", "moves"),
    [
        ([4, 4, 4], [4, 4, 4], 0),
        ([2, 2, 0], [1, 2, 1], 1),
        ([12, 0, 0], [4, 4, 4], 8),
        ([1, 0, 0], [1, 0, 0], 0),
        ([5], [5], 0),
        ([], [], 0),
    ],
)
def test_as_few_moves_as_can_be(before: list[int], then: list[int], moves: int) -> None:
    owned = {f"n{i}": [f"a{i}-{j}" for j in range(count)] for i, count in enumerate(before)}
    done, count = balanced(owning(owned))
    assert (sorted(counts(done)), count) == (sorted(then), moves)


@given(st.lists(st.integers(0, 9), max_size=5), st.lists(st.booleans(), min_size=5, max_size=5))
def test_it_ends_and_nobody_has_many_more_than_another(
    before: list[int], drains: list[bool]
) -> None:
    owned = {f"n{i}": [f"a{i}-{j}" for j in range(count)] for i, count in enumerate(before)}
    nodes = [node(f"n{i}", draining=drains[i]) for i in range(len(before))]
    done, _ = balanced(owning(owned, *nodes))
    live = [
        count for count, one in zip(counts(done), done.nodes, strict=True) if not one.is_draining
    ]
    assert not live or max(live) - min(live) <= 1
    still = [count for count, one in zip(counts(done), done.nodes, strict=True) if one.is_draining]
    assert still == [count for count, drain in zip(before, drains, strict=False) if drain]


def test_a_full_node_gets_none() -> None:
    before = owning(
        {"a": ["1", "2", "3", "4"], "b": ["5"], "c": []}, node("b", most=1), node("c", most=1)
    )
    done, _ = balanced(before)
    assert counts(done) == [3, 1, 1]


def test_accounts_that_stay_are_passed_over() -> None:
    before = owning({"a": ["1", "2", "3"], "b": []})
    assert next_move(before) == Move("1", "a", "b")
    assert next_move(before, ["1"]) == Move("2", "a", "b")
    assert next_move(before, ["1", "2", "3"]) is None


def test_what_moves_already_or_was_stopped_is_not_moved() -> None:
    nodes = [node("a"), node("b")]
    accounts = [account("1", "a", after="c"), account("2", "a", wanted=False), account("3", "a")]
    assert next_move(ClusterView(nodes, accounts)) == Move("3", "a", "b")
