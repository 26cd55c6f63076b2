"""Cancels a task whose result nobody awaits any more, so that no connection outlives a cancelled caller.
``store.postgres.hosts``, ``transports.socks`` and ``api.peers.client`` call it.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def cancel_and_close(task: asyncio.Future[T], close: Callable[[T], object]) -> None:
    """Cancel a task, and close what it has made all the same: it may be done in the moment of the cancellation."""

    def done(task: asyncio.Future[T]) -> None:
        if not task.cancelled() and task.exception() is None:
            close(task.result())

    task.cancel()
    task.add_done_callback(done)
