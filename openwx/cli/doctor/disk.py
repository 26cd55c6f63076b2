"""Checks of the data folder: its owner, its modes, and the free space. ``doctor`` runs them."""

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
"""Below this much free space, a day's messages may not fit, in bytes."""
SCARCE_BYTES = 1024 * MIB
_OTHERS = 0o077
_SHOWN = 3


def data_folder(settings: Settings) -> list[Finding]:
    """Check that the folder exists, is writable, and that only its owner can read it."""
    folder = settings.data_dir
    try:
        status = folder.stat()
    except FileNotFoundError:
        return [_missing(folder)]
    except OSError as error:
        advice = "give the user that openwx runs as the right to enter it"
        return [problem("data_dir", f"{folder}: {error.strerror}", advice)]
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        advice = f"run openwx as its owner, or: chown -R {_me()} {folder}"
        return [problem("data_dir", f"{folder} cannot be written", advice)]
    if sys.platform == "win32":
        return [ok("data_dir", str(folder))]
    found = [*_owners(folder), *_open_to_others(folder, status)]
    return found or [ok("data_dir", f"{folder}, readable by its owner only")]


def _missing(folder: Path) -> Finding:
    above = _existing(folder)
    if os.access(above, os.W_OK | os.X_OK):
        return ok("data_dir", f"{folder} will be created at the first start")
    advice = f"create it: mkdir -p {folder} && chown {_me()} {folder}; or choose another data_dir"
    return problem("data_dir", f"{folder} cannot be created in {above}", advice)


def _owners(folder: Path) -> Iterator[Finding]:
    """Check that the folder and its files belong to the user that runs openwx."""
    me, owner = os.geteuid(), folder.stat().st_uid
    foreign = [path for path in _files(folder) if path.lstat().st_uid != owner]
    if foreign:
        words = f"not owned by the owner of {folder}: {_some(foreign)}"
        advice = f"always run openwx as one user; now: chown -R {owner} {folder}"
        yield problem("data_dir", words, advice)
    elif owner != me:
        words = f"{folder} belongs to user {owner}, and this is user {me}"
        yield warning("data_dir", words, f"run openwx and the doctor as user {owner}")


def _open_to_others(folder: Path, status: os.stat_result) -> Iterator[Finding]:
    if status.st_mode & _OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        words = f"{folder} is open to other users (mode {mode:04o}), but contains messages and the login"
        yield warning("data_dir", words, f"chmod 700 {folder}")
    files = [path for path in _files(folder) if path.lstat().st_mode & _OTHERS]
    if files:
        words = f"other users can read {_some(files)}"
        yield warning("data_dir", words, f"chmod -R go= {folder}")


def _files(folder: Path) -> list[Path]:
    """List what lies directly in the folder: journal, lock, QR codes, the folder of media."""
    return sorted(path for path in folder.iterdir() if not path.is_symlink())


def _some(paths: list[Path]) -> str:
    names = ", ".join(str(path) for path in paths[:_SHOWN])
    return names if len(paths) <= _SHOWN else f"{names} and {len(paths) - _SHOWN} more"


def _me() -> str:
    return str(os.geteuid()) if hasattr(os, "geteuid") else "USER"


def space(settings: Settings) -> list[Finding]:
    """Check the free space for the journal, media and the log, once a disk."""
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
    advice = "free some space: with a full disk nothing is acknowledged or received"
    if free < FULL_BYTES:
        return problem("disk", words, advice)
    return warning("disk", words, advice) if free < SCARCE_BYTES else ok("disk", words)


def _existing(folder: Path) -> Path:
    """Return the folder, or its nearest parent that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
