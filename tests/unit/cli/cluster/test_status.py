"""What ``openwx cluster status`` shows of a view."""

import json

from openwx.cli.cluster import status
from openwx.store.records import ClusterView
from tests.unit.cluster.seen import account, node, owning

VIEW = ClusterView(
    [node("wx-2", draining=True), node("wx-1", most=9, url="http://10.0.0.5:3100")],
    [
        account("a", "wx-1"),
        account("b", "wx-2", after="wx-1"),
        account("c"),
        account("d", wanted=False),
        account("e", after="wx-1"),
        account("f", "gone"),
    ],
)


def test_for_a_person() -> None:
    assert status.as_text(VIEW) == [
        "2 nodes, 6 accounts: 3 of them should run, and have no node",
        "",
        "NODE  ACCOUNTS  VERSION  ADDRESS",
        "wx-1  1 of 9    1.2      http://10.0.0.5:3100",
        "wx-2  1 of 100  1.2      -                     hands its accounts over",
        "",
        "ACCOUNT  NODE",
        "a        wx-1",
        "b        wx-2  goes to wx-1",
        "c        -     no node runs it",
        "d        -     stopped on purpose",
        "e        -     goes to wx-1",
        "f        -     no node runs it",
    ]


def test_a_drained_node() -> None:
    lines = status.as_text(owning({"wx-1": ["a"]}, node("wx-2", draining=True)))
    assert lines[4].split("  ")[-1] == "takes no accounts (drained)"


def test_all_is_well_or_empty() -> None:
    assert status.as_text(owning({"wx-1": ["a"]}))[0] == (
        "1 node, 1 account: each that should run has a node"
    )
    assert status.as_text(ClusterView([], [])) == ["0 nodes, 0 accounts: none is known yet"]


def test_for_programs_without_the_settings() -> None:
    answer = status.as_json(VIEW)
    assert answer["unowned"] == 3
    assert "s3cr3t" not in json.dumps(answer)
    assert answer["nodes"][1] == {
        "node": "wx-1",
        "accounts": 1,
        "max_clients": 9,
        "draining": False,
        "url": "http://10.0.0.5:3100",
        "version": "1.2",
        "incarnation": str(VIEW.nodes[1].incarnation),
        "beat": 7,
    }
    assert answer["accounts"][1] == {
        "account": "b",
        "node": "wx-2",
        "wanted": True,
        "next": "wx-1",
        "origin": "api",
        "epoch": 3,
    }
    assert answer["accounts"][5]["node"] is None


def test_words_of_others_stay_in_their_cell() -> None:
    evil = ClusterView([node("wx-1")], [account("小灰\x1b[2J\n", "wx-1"), account("b", "wx-1")])
    lines = status.as_text(evil)
    assert lines[-2:] == ["小灰\\x1b[2J\\n  wx-1", f"b{' ' * 14}wx-1"]
