"""``openwx …`` as it is typed beside a gateway, but within this process, where it takes milliseconds."""

import asyncio
import io
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from openwx.cli.main import main
from tests.patience import PATIENCE_S


class Ended(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object that it wrote."""
        (line,) = self.out.splitlines()
        return json.loads(line)


class Typed:
    """Commands with the environment of a data folder, in an empty folder."""

    def __init__(
        self,
        data_dir: Path,
        folder: Path,
        patch: pytest.MonkeyPatch,
        said: pytest.CaptureFixture[str],
    ) -> None:
        self._said = said
        patch.setenv("OPENWX_DATA_DIR", str(data_dir))
        patch.setenv("XDG_CONFIG_HOME", str(folder / "xdg"))
        patch.chdir(folder)

    async def __call__(self, *arguments: str, stdin: bytes | str = b"", **environ: str) -> Ended:
        """Run it with this on its stdin, and with further variables."""
        given = stdin if isinstance(stdin, bytes) else stdin.encode()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
            for name, value in environ.items():
                patch.setenv(name, value)
            self._said.readouterr()
            with _same_log():
                async with asyncio.timeout(PATIENCE_S):
                    code = await asyncio.to_thread(_code_of, arguments)
            return Ended(code, *self._said.readouterr())


@contextmanager
def _same_log() -> Iterator[None]:
    """Undo what a command sets up of the log."""
    loggers = logging.getLogger(), logging.getLogger("openwx")
    before = [(logger, logger.handlers[:], logger.level) for logger in loggers]
    try:
        yield
    finally:
        for logger, handlers, level in before:
            logger.handlers[:] = handlers
            logger.setLevel(level)


def _code_of(arguments: tuple[str, ...]) -> int:
    try:
        return main(arguments)
    except SystemExit as ended:  # argparse
        return int(ended.code or 0)
