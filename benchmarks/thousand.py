"""1,000 accounts on three nodes, on paper: ``python -m benchmarks.thousand FILE`` prints a table in Markdown.

FILE is what ``python -m benchmarks --only thousand --json FILE`` wrote: the costs of one node with PostgreSQL. All of
them are taken to grow with accounts and messages, and none with the number of the other nodes.
"""

import sys
from pathlib import Path

import msgspec

from benchmarks.figures import Result, as_markdown

ACCOUNTS = 1000
NODES = 3
PAUSES_S = (60, 10)
"""Seconds between two messages of an account."""


class Costs(msgspec.Struct, kw_only=True):
    """What one node and its PostgreSQL take. CPU time is in milliseconds, ``_s`` means for each second."""

    node_cpu_s: float
    """A node with one idle account."""
    node_server_cpu_s: float
    node_wal_bytes_s: float
    node_flushes_s: float
    """Writes of PostgreSQL that waited for the disk."""
    node_memory_kb: float
    account_cpu_s: float
    """Each further idle account."""
    account_server_cpu_s: float
    account_wal_bytes_s: float
    account_flushes_s: float
    account_memory_kb: float
    account_open_files: float
    message_cpu: float
    """A message: received, recorded, reported, and its delivery recorded."""
    message_server_cpu: float
    message_wal_bytes: float
    message_flushes: float
    take_cpu: float
    """The start of an account with a saved session."""


class Load(msgspec.Struct, kw_only=True, frozen=True):
    """What all nodes have to carry."""

    nodes: int
    pause_s: float
    accounts: int = ACCOUNTS

    @property
    def each(self) -> int:
        """Accounts of a node, rounded up as the share of a node is."""
        return -(-self.accounts // self.nodes)

    @property
    def rate(self) -> float:
        """Messages of all accounts, for each second."""
        return self.accounts / self.pause_s


class Needed(msgspec.Struct, kw_only=True, frozen=True):
    """What one of the nodes needs, and the one PostgreSQL."""

    cpu_percent: float
    """Of a core."""
    memory_mib: float
    open_files: float
    server_cpu_percent: float
    flushes_s: float
    wal_kib_s: float


def needed(costs: Costs, load: Load) -> Needed:
    """Calculate what a load needs."""
    message_s = load.rate / load.accounts
    further, accounts = load.each - 1, load.accounts - load.nodes
    return Needed(
        cpu_percent=(
            costs.node_cpu_s
            + further * costs.account_cpu_s
            + load.each * message_s * costs.message_cpu
        )
        / 10,
        memory_mib=(costs.node_memory_kb + further * costs.account_memory_kb) / 1024,
        open_files=load.each * costs.account_open_files,
        server_cpu_percent=(
            load.nodes * costs.node_server_cpu_s
            + accounts * costs.account_server_cpu_s
            + load.rate * costs.message_server_cpu
        )
        / 10,
        flushes_s=load.nodes * costs.node_flushes_s
        + accounts * costs.account_flushes_s
        + load.rate * costs.message_flushes,
        wal_kib_s=(
            load.nodes * costs.node_wal_bytes_s
            + accounts * costs.account_wal_bytes_s
            + load.rate * costs.message_wal_bytes
        )
        / 1024,
    )


def table(costs: Costs) -> str:
    """Format what is needed, before and after the loss of a node."""
    head = ["nodes", "accounts each", "a message an account each", "messages a second"]
    head += ["node: CPU of a core", "node: memory", "node: open files"]
    head += ["PostgreSQL: CPU of a core", "its flushes a second", "its WAL a second"]
    rows = [head]
    for pause_s in PAUSES_S:
        for nodes in (NODES, NODES - 1):
            load = Load(nodes=nodes, pause_s=pause_s)
            need = needed(costs, load)
            rows.append(
                [
                    *(str(nodes), str(load.each), f"{pause_s} s", f"{load.rate:.0f}"),
                    *(f"{need.cpu_percent:.0f} %", f"{need.memory_mib:.0f} MiB"),
                    *(f"{need.open_files:.0f}", f"{need.server_cpu_percent:.0f} %"),
                    *(f"{need.flushes_s:.0f}", f"{need.wal_kib_s:.0f} KiB"),
                ]
            )
    return as_markdown(rows)


def taking_s(costs: Costs) -> float:
    """Return the CPU seconds that each remaining node needs to start its part of a lost node's accounts."""
    lost = -(-ACCOUNTS // NODES)
    return lost / (NODES - 1) * costs.take_cpu / 1e3


class _File(msgspec.Struct):
    results: list[Result]


def read(file: Path) -> Costs:
    """Read the costs from the results of a run. Raise ``LookupError`` if it did not measure them."""
    for result in msgspec.json.decode(file.read_bytes(), type=_File).results:
        if result.name == "thousand" and result.figures:
            details = {
                key: value for figure in result.figures for key, value in figure.detail.items()
            }
            return msgspec.convert(details, Costs)
    raise LookupError(f"{file} has no figures of the row thousand")


def main(file: Path) -> None:
    costs = read(file)
    for name, value in msgspec.structs.asdict(costs).items():
        print(f"{name}: {value:.4g}")
    print(f"\n{table(costs)}\n")
    print(f"CPU of each remaining node to take over a lost one's accounts: {taking_s(costs):.1f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
