"""The state file of ``openwx tail``: at every moment it holds one whole id."""

from pathlib import Path

import pytest

from openwx.cli.shell.state import StateFile
from openwx.errors import ConfigError


def test_it_reads_what_it_wrote(tmp_path: Path) -> None:
    state = StateFile(tmp_path / "id")
    assert state.read() is None
    for id in (0, 41, 10**17):
        state.write(id)
        assert state.read() == id
    assert [path.name for path in tmp_path.iterdir()] == ["id"]
    assert (tmp_path / "id").stat().st_mode & 0o077 == 0


def test_a_kill_in_the_middle_of_writing_leaves_the_former_id(tmp_path: Path) -> None:
    state = StateFile(tmp_path / "id")
    state.write(41)
    (tmp_path / "id.new").write_bytes(b"4")  # what a kill leaves behind
    assert state.read() == 41
    state.write(42)
    assert state.read() == 42


def test_a_full_disk_keeps_the_former_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    state = StateFile(tmp_path / "id")
    state.write(41)
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ConfigError, match="cannot be written: No space left on device"):
        state.write(42)
    assert state.read() == 41
