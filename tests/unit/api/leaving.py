"""Callers who disconnect at the worst moment."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from openwx.accounts.streams import Slots
from openwx.api.server import Runner
from tests.patience import until

LEFT = "disconnected before"
"""What the log says of them, on its lowest level."""


def all_leave(runner: Runner) -> None:
    """Break the connections of all callers of a server."""
    assert runner.server is not None
    for one in runner.server.connections:
        assert one.transport is not None
        one.transport.abort()


class LeavingSlots(Slots):
    """The reader of a stream leaves right before it begins."""

    def __init__(self, runner: Runner) -> None:
        super().__init__()
        self._runner = runner

    @contextmanager
    def taking(self) -> Iterator[None]:
        with super().taking():
            all_leave(self._runner)
            yield


async def until_left(caplog: pytest.LogCaptureFixture) -> None:
    """Wait until the log has noted it, and require that it noted nothing worse."""
    await until(lambda: LEFT in caplog.text)
    worse = [one.getMessage() for one in caplog.records if one.levelno > logging.INFO]
    assert worse == []
