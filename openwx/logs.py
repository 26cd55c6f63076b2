"""Formats and sets up the log: lines for a person, or JSON objects for a machine. ``main`` sets it up."""

import copy
import json
import logging
import os
import re
import sys
import time
from collections.abc import Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from openwx.logcontext import current
from openwx.safetext import Picture, harmless, in_json, one_line

CONSOLE = "%(asctime)s %(mark)s%(message)s"
ABOUT_ACCOUNTS = frozenset({"openwx.wechat", "openwx.send", "openwx.media"})
"""Loggers of modules that do not know the name of their account."""


class ConsoleFormatter(logging.Formatter):
    """Formats time and text, and the level unless it is info. Values from others cannot break the line.

    A line about an account begins with its name.
    """

    def format(self, record: logging.LogRecord) -> str:
        mark = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        message = record.getMessage()
        if not message.isprintable():
            record = copy.copy(record)
            if isinstance(record.args, Mapping):
                record.args = {name: _in_line(value) for name, value in record.args.items()}
            elif record.args:
                record.args = tuple(map(_in_line, record.args))
        if record.name in ABOUT_ACCOUNTS:
            account = current().get("account")
            if account is not None and not message.startswith(f"{account}:"):
                mark += f"{account}: "
        record.mark = mark
        return masked(super().format(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Indent a traceback, so that none of its lines looks like one of the log."""
        lines = harmless(super().formatException(ei)).split("\n")
        return "\n".join(f"    {line}" for line in lines)


class JsonFormatter(logging.Formatter):
    """Formats one JSON object a line, also with a traceback, with the fields of ``logcontext.py``."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": masked(record.getMessage()),
            **current(),
        }
        if record.exc_info:
            line["exception"] = masked(self.formatException(record.exc_info))
        return in_json(json.dumps(line, ensure_ascii=False))


_SECRET = re.compile(
    r"(?i)((?:\b|[\"'])(?:skey|wxsid|sid|pass_ticket|webwx_data_ticket|webwx_auth_ticket|access_token)[\"']?\s*[=:]\s*[\"']?"
    r"|[?&]token=|\bbearer\s+)[^\s&\"'<>;,]+"
)
_HINTS = ("sid", "skey", "_ticket", "_token", "token=", "bearer")
"""One of them is in every text with a secret; looking for it first halves what a line in the log costs."""
_PASSWORD = re.compile(r"(://)[^\s/@\"']+@")


def _in_line(value: object) -> object:
    """Make a value safe for one line."""
    if isinstance(value, Picture | int | float | None):
        return value
    return one_line(str(value))


def masked(text: str) -> str:
    """Mask secrets of a login and passwords, in case a log call includes them by mistake."""
    if any(map(text.casefold().__contains__, _HINTS)):
        text = _SECRET.sub(r"\1***", text)
    return _PASSWORD.sub(r"\1***@", text) if "://" in text else text


class PrivateFileHandler(logging.FileHandler):
    """A file that only its owner can read, since it contains messages. An existing file keeps its mode.

    If it cannot be written, standard error, which has all lines too, says so once.
    """

    _failed = False
    _reported = False

    def _open(self) -> TextIOWrapper:
        handle = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(handle, "a", encoding=self.encoding, errors=self.errors)

    def emit(self, record: logging.LogRecord) -> None:
        self._failed = False
        super().emit(record)
        self._reported &= self._failed

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self._failed = True
        if not self._reported:
            self._reported = True
            words = f"log_path {self.baseFilename} cannot be written: {error.strerror}"
            print(f"openwx: {words}; lines are missing there until it can be", file=sys.stderr)


def set_up(level: str, *, path: Path | None = None, json_lines: bool = False) -> None:
    """Send the log to standard error, and to ``path`` too. Raises ``OSError`` if the file cannot be opened."""
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if path is not None:
        handlers.append(PrivateFileHandler(path, encoding="utf-8"))
    for handler in handlers:
        dates = "%Y-%m-%d %H:%M:%S" if isinstance(handler, logging.FileHandler) else "%H:%M:%S"
        handler.setFormatter(JsonFormatter() if json_lines else ConsoleFormatter(CONSOLE, dates))
    root = logging.getLogger()
    root.handlers[:] = handlers
    root.setLevel(logging.WARNING)
    logging.getLogger("openwx").setLevel(level.upper())
