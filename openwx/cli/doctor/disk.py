"""The data folder: whose it is, who else can read it, and whether there is room."""

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from openwx.cli.doctor.finding import Finding, ok, problem, warning
from openwx.config import Settings

MIB = 1024**2
FULL_BYTES = 100 * MIB
"""With less room than this, a day's messages may not fit."""
SCARCE_BYTES = 1024 * MIB
_OTHERS = 0o077
_SHOWN = 3


def data_folder(settings: Settings) -> list[Finding]:
    """Whether it is there, is ours, can be written, and is nobody else's to read."""
    folder = settings.data_dir
    try:
        status = folder.stat()
    except FileNotFoundError:
        return [_to_be_made(folder)]
    except OSError as error:
        advice = "give the user that openwx runs as the right to enter it"
        return [problem("data_dir", f"{folder}: {error.strerror}", advice)]
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        advice = f"run openwx as its owner, or: chown -R {_me()} {folder}"
        return [problem("data_dir", f"{folder} cannot be written", advice)]
    if sys.platform == "win32":
        return [ok("data_dir", str(folder))]
    found = [*_owners(folder), *_open_to_others(folder, status)]
    return found or [ok("data_dir", f"{folder}, for its owner alone")]


def _to_be_made(folder: Path) -> Finding:
    above = _existing(folder)
    if os.access(above, os.W_OK | os.X_OK):
        return ok("data_dir", f"{folder} is made at the first start")
    advice = f"make it: mkdir -p {folder} && chown {_me()} {folder}; or choose another data_dir"
    return problem("data_dir", f"{folder} cannot be made in {above}", advice)


def _owners(folder: Path) -> Iterator[Finding]:
    """It and all in it must belong to one user, who is the one that runs openwx."""
    me, owner = os.geteuid(), folder.stat().st_uid
    strangers = [path for path in _files(folder) if path.lstat().st_uid != owner]
    if strangers:
        words = f"not of the same user as {folder}: {_some(strangers)}"
        advice = f"always run openwx as one user; now: chown -R {owner} {folder}"
        yield problem("data_dir", words, advice)
    elif owner != me:
        words = f"{folder} belongs to user {owner}, and this is user {me}"
        yield warning("data_dir", words, f"run openwx and the doctor as user {owner}")


def _open_to_others(folder: Path, status: os.stat_result) -> Iterator[Finding]:
    if status.st_mode & _OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        words = (
            f"{folder} is open to other users (mode {mode:04o}): messages and the login are in it"
        )
        yield warning("data_dir", words, f"chmod 700 {folder}")
    files = [path for path in _files(folder) if path.lstat().st_mode & _OTHERS]
    if files:
        words = f"other users can read {_some(files)}"
        yield warning("data_dir", words, f"chmod -R go= {folder}")


def _files(folder: Path) -> list[Path]:
    """What is right in it: journal, lock, QR codes, the folder of media."""
    return sorted(path for path in folder.iterdir() if not path.is_symlink())


def _some(paths: list[Path]) -> str:
    names = ", ".join(str(path) for path in paths[:_SHOWN])
    return names if len(paths) <= _SHOWN else f"{names} and {len(paths) - _SHOWN} more"


def _me() -> str:
    return str(os.geteuid()) if hasattr(os, "geteuid") else "USER"


def space(settings: Settings) -> list[Finding]:
    """Room for the journal, media and the log, each on its own disk."""
    folders = [settings.data_dir]
    if settings.log_path is not None:
        folders.append(settings.log_path.parent)
    disks: dict[int, Path] = {}
    for folder in folders:
        there = _existing(folder)
        disks.setdefault(there.stat().st_dev, there)
    return [_space(there) for there in disks.values()]


def _space(there: Path) -> Finding:
    free = shutil.disk_usage(there).free
    words = f"{free / MIB:,.0f} MiB are free at {there}"
    advice = "make room: with a full disk nothing is acknowledged, and nothing comes in"
    if free < FULL_BYTES:
        return problem("disk", words, advice)
    return warning("disk", words, advice) if free < SCARCE_BYTES else ok("disk", words)


def _existing(folder: Path) -> Path:
    """It, or what is there of its way."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
