"""``openwx completion``: a person presses Tab in real shells, those of them that are installed."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from openwx.cli.shell.arguments import SHELLS
from tests.patience import PATIENCE_S

from .typed import Typed

pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")

SHOW = 'openwx() { echo "<$*>"; }'
"""What Tab completed is shown by the command itself."""
BEGIN = {
    "bash": f". ./_openwx; {SHOW}; echo rea''dy\n",
    "zsh": f"fpath=($PWD $fpath); autoload -U compinit; compinit -u -D; {SHOW}; echo rea''dy\n",
}
ARGUMENTS = {"bash": ("--norc", "--noprofile", "-i"), "zsh": ("-f", "-i")}


def needs(shell: str) -> str:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"there is no {shell} on this machine")
    return found


async def script_of(typed: Typed, shell: str, file: Path) -> Path:
    code, out, err = await typed("completion", shell)
    assert (code, err) == (0, "")
    file.write_text(out, encoding="utf-8")
    return file


LINES = [
    ("openwx tai\t--sta\tchar\t\n", "<tail --state chart.png>"),
    ("openwx completion fi\t\n", "<completion fish>"),
    # zsh does not insert the only option where there may be a text instead: it lists it.
    ("openwx sen\t--to x --fi\tchar\t\n", "<send --to x --file chart.png>"),
    ("openwx outbox re\t--al\t\n", "<outbox retry --all>"),
]


@pytest.mark.parametrize(
    ("shell", "typing", "becomes"),
    [*(("bash", *line) for line in LINES), *(("zsh", *line) for line in LINES[:2])],
)
async def test_tab(typed: Typed, tmp_path: Path, shell: str, typing: str, becomes: str) -> None:
    path = needs(shell)
    await script_of(typed, shell, tmp_path / "_openwx")
    (tmp_path / "chart.png").touch()
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        path, *ARGUMENTS[shell], cwd=tmp_path, env={"PATH": os.environ["PATH"], "TERM": "dumb"},
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        os.write(ours, BEGIN[shell].encode())
        await shows(ours, "ready")
        os.write(ours, typing.encode())
        await shows(ours, becomes)
    finally:
        process.kill()
        await process.wait()
        os.close(ours)


async def shows(terminal: int, words: str) -> None:
    """Wait until the terminal shows this."""
    shown = ""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while words not in shown:
                shown += (await asyncio.to_thread(os.read, terminal, 4096)).decode(errors="replace")
    except (TimeoutError, OSError) as error:
        raise AssertionError(f"no {words!r} in:\n{shown}") from error


@pytest.mark.parametrize(
    ("line", "wanted"),
    [("openwx sen", "send"), ("openwx send --fi", "--file"), ("openwx outbox re", "retry")],
)
async def test_fish(typed: Typed, tmp_path: Path, line: str, wanted: str) -> None:
    path = needs("fish")
    script = await script_of(typed, "fish", tmp_path / "openwx.fish")
    process = await asyncio.create_subprocess_exec(
        path, "--no-config", "-c", f"source {script}; complete -C '{line}'",
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert [one.split("\t")[0] for one in out.decode().splitlines()] == [wanted]


@pytest.mark.parametrize("shell", SHELLS)
async def test_every_command_is_in_it(typed: Typed, tmp_path: Path, shell: str) -> None:
    text = (await script_of(typed, shell, tmp_path / "script")).read_text(encoding="utf-8")
    for word in ("send", "ask", "who", "tail", "serve", "outbox", "verify-code", "completion"):
        assert word in text
