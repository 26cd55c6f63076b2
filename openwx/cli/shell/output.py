"""Writes lines to standard output: what strangers wrote moves nothing on a terminal, and every line leaves at once.
All commands print by it.
"""

import io
import os
import sys
from typing import Any, TextIO

import msgspec

from openwx.safetext import harmless, in_json, in_json_bytes, one_line


def line(text: str) -> None:
    """Write one line. Raises ``BrokenPipeError``, as all of these do."""
    _write(one_line(text))


def lines(text: str) -> None:
    """Write a text that may have several lines."""
    _write(harmless(text))


def json_line(value: Any) -> None:
    """Write a value as one line of JSON in UTF-8, whatever the locale is."""
    sys.stdout.flush()
    sys.stdout.buffer.write(in_json_bytes(msgspec.json.encode(value)) + b"\n")
    sys.stdout.buffer.flush()


def indented_json(value: Any) -> None:
    """Write a value as JSON over several lines, for people and programs."""
    print(in_json(msgspec.json.format(msgspec.json.encode(value), indent=2).decode()))


def complain(words: str) -> None:
    """Write a line to standard error. Where nobody reads that, the exit code has to say it."""
    try:
        print(f"openwx: {one_line(words)}", file=sys.stderr, flush=True)
    except OSError:
        discard(sys.stderr)


def open_what_is_closed() -> None:
    """Give standard output and standard error an end, if the process began without."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))


def discard(stream: TextIO) -> None:
    """Write nothing more to standard output or error, not even at the end of the process: it takes nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _write(text: str) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal may be unable to show every character
        sys.stdout.reconfigure(errors="backslashreplace")
    print(text, flush=True)
