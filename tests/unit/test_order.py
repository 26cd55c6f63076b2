"""The order in which all tests run beside each other."""

from pathlib import Path
from types import SimpleNamespace

from tests.conftest import HERE, WAITING, in_good_order


def test_what_is_listed_is_there() -> None:
    assert [name for name in WAITING if not (HERE / name).is_file()] == []
    assert len(set(WAITING)) == len(WAITING)


def test_no_test_is_left_out_and_each_file_stays_together() -> None:
    paths = [HERE / "a.py", HERE / WAITING[1], HERE / "b.py", HERE / "a.py", HERE / WAITING[0]]
    items = [SimpleNamespace(path=path, number=number) for number, path in enumerate(paths)]
    ordered = [(one.path, one.number) for one in in_good_order(items)]
    expected: list[tuple[Path, int]] = [
        (HERE / WAITING[0], 4),
        (HERE / "a.py", 0),
        (HERE / "a.py", 3),
        (HERE / WAITING[1], 1),
        (HERE / "b.py", 2),
    ]
    assert ordered == expected
