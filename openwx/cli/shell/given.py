"""What a command is to send: texts and files, of arguments or of standard input. ``send`` and ``ask`` read it."""

import argparse
import sys
from pathlib import Path
from typing import BinaryIO, NamedTuple

from openwx.cli.shell.outcomes import FAILED, Failure
from openwx.client import Medium
from openwx.config import Settings
from openwx.errors import Code, ConfigError
from openwx.schemas import MAX_CONTENT

STDIN = "-"


class Content(NamedTuple):
    """A text, a file and its name; what is not given is None."""

    text: str | None
    media: Medium | None
    media_name: str | None


def content(args: argparse.Namespace, settings: Settings) -> Content:
    """Read what the arguments name. Raises ``Failure``, and ``ConfigError`` for arguments that do not fit."""
    file: Path | None = args.file
    reads_file = file is not None and str(file) == STDIN
    if args.text is None and file is None:
        words = f"{args.command}: TEXT is missing: give a text, - for standard input, or --file"
        raise ConfigError(words)
    if reads_file and args.text == STDIN:
        raise ConfigError(f"{args.command}: standard input is the text or the file, not both")
    if args.name is not None and file is None:
        raise ConfigError(f"{args.command}: --name is the name of a --file, which is missing")
    if reads_file and args.name is None:
        raise ConfigError(f"{args.command}: --file -: add --name, such as --name report.pdf")
    text = _stdin_text() if args.text == STDIN else args.text
    if file is None:
        return Content(text, None, None)
    return Content(text, _medium(file, settings.media.max_size), args.name or _name_of(file))


def _name_of(file: Path) -> str:
    """Return the name of a file; what is no UTF-8 in it is replaced."""
    return file.name.encode(errors="surrogateescape").decode(errors="replace")


def _stdin_text() -> str:
    """Read a text, without the line ends at its end, as ``$(…)`` does.

    A log that was cut within a character, or has other bytes that are no UTF-8, is a text all the same.
    """
    most = MAX_CONTENT + len("\r\n")
    read = _read(_stdin(), most + 1, "standard input")
    if b"\0" in read:
        words = "standard input is no text; send it as a file: --file - --name NAME"
        raise Failure(FAILED, Code.BAD_PARAMETER, words)
    if len(read) > most:
        raise _too_long()
    text = read.decode(errors="replace").rstrip("\r\n")
    if len(text.encode()) > MAX_CONTENT:
        raise _too_long()
    if not text:
        words = "standard input is empty, so there is nothing to send"
        raise Failure(FAILED, Code.BAD_PARAMETER, words)
    return text


def _medium(file: Path, limit: int) -> Medium:
    """Return a regular file by its path, and what is read from anything else, such as a pipe or a file of ``/proc``,
    whose size says nothing."""
    if str(file) == STDIN:
        return _read_file(_stdin(), limit, "standard input")
    try:
        if file.is_file() and file.stat().st_size:
            with file.open("rb"):  # what cannot be read is told before anything is asked
                return file
        with file.open("rb") as opened:
            return _read_file(opened, limit, str(file))
    except OSError as error:
        words = f"--file {file}: {error.strerror or error}"
        raise Failure(FAILED, Code.MEDIA, words) from None


def _read_file(opened: BinaryIO, limit: int, name: str) -> bytes:
    read = _read(opened, limit + 1, name)
    if len(read) > limit:
        words = f"{name} has more than {limit} bytes (media.max_size)"
        raise Failure(FAILED, Code.MEDIA, words)
    if not read:
        raise Failure(FAILED, Code.MEDIA, f"{name} is empty, so there is nothing to send")
    return read


def _read(opened: BinaryIO, most: int, name: str) -> bytes:
    try:
        return opened.read(most)
    except OSError as error:
        words = f"{name} cannot be read: {error.strerror or error}"
        raise Failure(FAILED, Code.BAD_PARAMETER, words) from None


def _stdin() -> BinaryIO:
    if sys.stdin is None:
        raise Failure(FAILED, Code.BAD_PARAMETER, "standard input is closed")
    return sys.stdin.buffer


def _too_long() -> Failure:
    words = (
        f"standard input has more than {MAX_CONTENT} bytes, the most that WeChat takes in one text"
    )
    return Failure(
        FAILED, Code.BAD_PARAMETER, f"{words}; send it as a file: --file - --name report.txt"
    )
