"""The benchmarks' own code: figures, rounds, the table, and the list of rows."""

import re
from pathlib import Path

import msgspec
import pytest

from benchmarks import thousand
from benchmarks.figures import Figure, Result, as_json, as_markdown, as_text, between_marks, table
from benchmarks.rounds import Pairs, Sample, interleaved, percentile
from benchmarks.rows import ROWS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("value", "target", "at_least", "met"),
    [
        (0.8, 0.8, True, True),
        (0.79, 0.8, True, False),
        (20, 20, False, True),
        (21, 20, False, False),
        (1, None, True, None),
    ],
)
def test_a_target_is_a_minimum_or_a_maximum(
    value: float, target: float | None, at_least: bool, met: bool | None
) -> None:
    assert Figure(what="it", value=value, target=target, at_least=at_least).met is met


def test_the_table_shows_missed_targets_and_failed_rows() -> None:
    good = Figure(what="speed", value=0.756, target=0.8, by_cpu=0.9)
    rows = table(
        [Result(name="a", figures=[good], load=1.23), Result(name="b", error="it broke", load=2)]
    )
    assert rows[1] == ["speed", "≥ 0.8", "0.756", "", "0.9", "1.2", "missed"]
    assert rows[2] == ["b", "", "", "", "", "2.0", "failed"]
    assert as_text(rows).splitlines()[1].startswith("speed   ≥ 0.8")
    assert as_markdown(rows).splitlines()[3] == "| b |  |  |  |  | 2.0 | failed |"


@pytest.mark.parametrize(("percent", "value"), [(10, 1), (50, 5), (90, 9), (99, 10), (100, 10)])
def test_a_percentile_is_one_of_the_values(percent: float, value: float) -> None:
    assert percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], percent) == value


def test_ratios_are_calculated_for_each_pair_of_rounds() -> None:
    ours, theirs = Sample(100, 2, 1), Sample(100, 1, 0.25)
    pairs = Pairs([ours, theirs], [theirs, theirs])
    assert pairs.rates == [0.5, 1]
    assert pairs.costs == [4, 1]


async def test_rounds_alternate_after_a_warm_up() -> None:
    done = []

    async def ours() -> Sample:
        done.append("ours")
        return Sample(len(done), 1, 1)

    async def theirs() -> Sample:
        done.append("theirs")
        return Sample(len(done), 1, 1)

    pairs = await interleaved(2, ours, theirs)
    assert done == ["ours", "theirs", "ours", "theirs", "theirs", "ours"]
    assert [sample.count for sample in pairs.ours] == [3, 6]
    assert [sample.count for sample in pairs.theirs] == [4, 5]


def test_the_table_replaces_the_text_between_its_marks() -> None:
    text = "before\n<!-- benchmarks -->\nold\n<!-- end of benchmarks -->\nafter\n"
    new = between_marks(text, "new")
    assert new == "before\n<!-- benchmarks -->\nnew\n<!-- end of benchmarks -->\nafter\n"
    with pytest.raises(ValueError, match="benchmarks"):
        between_marks("no marks", "new")
    assert between_marks((ROOT / "docs" / "performance.md").read_text(), "new")


def test_every_row_has_a_module_and_a_line_in_the_readme() -> None:
    modules = {path.stem for path in (ROOT / "benchmarks" / "rows").glob("[a-z]*.py")}
    explained = re.findall(
        r"^\| `(\w+)` \|", (ROOT / "benchmarks" / "README.md").read_text(), re.MULTILINE
    )
    assert set(ROWS) == modules
    assert list(ROWS) == explained


COSTS = thousand.Costs(
    node_cpu_s=1,
    node_server_cpu_s=2,
    node_wal_bytes_s=1024,
    node_flushes_s=3,
    node_memory_kb=100 * 1024,
    account_cpu_s=0.5,
    account_server_cpu_s=0.25,
    account_wal_bytes_s=0,
    account_flushes_s=0.01,
    account_memory_kb=1024,
    account_open_files=2,
    message_cpu=3,
    message_server_cpu=4,
    message_wal_bytes=2048,
    message_flushes=2,
    take_cpu=20,
)


@pytest.mark.parametrize(
    ("nodes", "needs"),
    [
        # CPU of a node: 1 + 333 × 0.5 + 334 × 0.1 × 3 ms a second
        (3, thousand.Needed(
            cpu_percent=26.77, memory_mib=433, open_files=668,
            server_cpu_percent=65.525, flushes_s=218.97, wal_kib_s=203,
        )),
        (2, thousand.Needed(
            cpu_percent=40.05, memory_mib=599, open_files=1000,
            server_cpu_percent=65.35, flushes_s=215.98, wal_kib_s=202,
        )),
    ],
)  # fmt: skip
def test_what_1000_accounts_need(nodes: int, needs: thousand.Needed) -> None:
    """With a message every ten seconds each: 100 a second for the one PostgreSQL."""
    found = thousand.needed(COSTS, thousand.Load(nodes=nodes, pause_s=10))
    assert msgspec.structs.asdict(found) == pytest.approx(msgspec.structs.asdict(needs))


def test_costs_are_read_from_the_figures_of_a_run(tmp_path: Path) -> None:
    detail = msgspec.structs.asdict(COSTS)
    names = list(detail)
    figures = [
        Figure(what=str(part), value=1, detail={name: detail[name] for name in part})
        for part in (names[:5], names[5:])
    ]
    file = tmp_path / "all.json"
    file.write_bytes(as_json([Result(name="hop"), Result(name="thousand", figures=figures)], {}))
    assert thousand.read(file) == COSTS
    assert "| 2 | 500 | 10 s | 100 | 40 % | 599 MiB | 1000 | 65 % | 216 | 202 KiB |" in (
        thousand.table(COSTS)
    )
    assert thousand.taking_s(COSTS) == pytest.approx(3.34)
    file.write_bytes(as_json([Result(name="hop")], {}))
    with pytest.raises(LookupError, match="thousand"):
        thousand.read(file)
