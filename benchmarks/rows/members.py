"""Row ``members``: 250,000 group members as a login loads them, against pydantic models of the same bytes."""

from pathlib import Path
from typing import Any

from benchmarks import machine, world
from benchmarks.figures import Figure
from benchmarks.people import group_bodies
from benchmarks.processes import Program
from benchmarks.rounds import high, middle
from benchmarks.rows import Scale

GROUPS, MEMBERS = 500, 500
COUNT = GROUPS * MEMBERS


async def run(scale: Scale) -> list[Figure]:
    ours: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    with world.folder() as folder:
        for number, body in enumerate(group_bodies(GROUPS, MEMBERS)):
            (folder / f"{number:03}.json").write_bytes(body)
        for _ in range(scale.of(3, 1)):
            ours.append(await _load("openwx", folder))
            theirs.append(await _load("pydantic", folder))
    by_bytes = _ratios(ours, theirs, "bytes")
    by_time = _ratios(ours, theirs, "wall_s")
    collections = [one["collect_s"] * 1e3 for one in ours]
    return [
        Figure(
            what="250,000 members: bytes a record ÷ pydantic",
            value=middle(by_bytes),
            target=0.25,
            at_least=False,
            worst=high(by_bytes),
            detail={"bytes": _middle(ours, "bytes"), "pydantic": _middle(theirs, "bytes")},
        ),
        Figure(
            what="250,000 members: time to build ÷ pydantic",
            value=middle(by_time),
            target=0.5,
            at_least=False,
            worst=high(by_time),
            by_cpu=middle(_ratios(ours, theirs, "cpu_s")),
            detail={"CPU s": _middle(ours, "cpu_s"), "pydantic CPU s": _middle(theirs, "cpu_s")},
        ),
        Figure(
            what="250,000 members: full garbage collection",
            value=middle(collections),
            unit="ms",
            target=50,
            at_least=False,
            worst=high(collections),
            detail={"pydantic ms": _middle(theirs, "collect_s") * 1e3},
        ),
    ]


async def _load(how: str, folder: Path) -> dict[str, Any]:
    arguments = ("benchmarks.programs.loading", how, str(folder), str(COUNT))
    async with Program(*arguments, core=machine.cores()[0]) as program:
        return await program.answer()


def _ratios(ours: list[dict[str, Any]], theirs: list[dict[str, Any]], key: str) -> list[float]:
    return [a[key] / b[key] for a, b in zip(ours, theirs, strict=True)]


def _middle(runs: list[dict[str, Any]], key: str) -> float:
    return middle([one[key] for one in runs])
