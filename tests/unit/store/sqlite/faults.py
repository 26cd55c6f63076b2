"""Faults of a disk: real ones for a single thread, and ones that come and go."""

import ctypes
import errno
import platform
import sqlite3
import struct
import sys
from collections.abc import Iterable
from typing import Any

_FSYNC_AND_FDATASYNC = {"x86_64": (74, 75), "aarch64": (82, 83)}
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _FILTER = 22, 38, 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000


def can_fail_syncs() -> bool:
    """Return whether ``fail_all_syncs`` is possible here."""
    return sys.platform == "linux" and platform.machine() in _FSYNC_AND_FDATASYNC


def fail_all_syncs() -> None:
    """Have the kernel answer each fsync of the calling thread with EIO, until the thread ends (seccomp)."""
    fsync, fdatasync = _FSYNC_AND_FDATASYNC[platform.machine()]
    rules = [
        (_LOAD, 0, 0, 0),  # the number of the system call
        (_JUMP_IF_EQUAL, 2, 0, fsync),
        (_JUMP_IF_EQUAL, 1, 0, fdatasync),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _FAIL | errno.EIO),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
    program = ctypes.create_string_buffer(struct.pack("HP", len(rules), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value, pointer in (
        (_PR_SET_NO_NEW_PRIVS, 1, None),
        (_PR_SET_SECCOMP, _FILTER, ctypes.addressof(program)),
    ):
        given = [ctypes.c_ulong(one or 0) for one in (value, pointer, None, None)]
        if libc.prctl(option, *given) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


def error_of(code: int) -> sqlite3.OperationalError:
    """Make an error with SQLite's code."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    return error


class FaultyConnection:
    """A connection whose statements fail before they are begun. ``failing``: the beginnings of those that do."""

    def __init__(self, db: sqlite3.Connection, code: int) -> None:
        self._db = db
        self._code = code
        self.failing: set[str] = set()
        self.asked: list[str] = []

    def execute(self, sql: str, values: Iterable[Any] = ()) -> sqlite3.Cursor:
        self.asked.append(sql)
        if any(sql.startswith(beginning) for beginning in self.failing):
            raise error_of(self._code)
        return self._db.execute(sql, values)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)
