"""Closes what nobody awaits any more, so that no connection and no file outlives a cancelled caller.
Whatever makes a connection in a task of its own, or opens a file in a thread, calls it.
"""

import asyncio
from collections.abc import Callable
from operator import methodcaller
from typing import TypeVar

T = TypeVar("T")


def cancel_and_close(task: asyncio.Future[T], close: Callable[[T], object]) -> None:
    """Cancel a task, and close what it has made all the same: it may be done in the moment of the cancellation."""
    task.cancel()
    _close_later(task, close)


async def open_in_thread(
    open_file: Callable[[], T], close: Callable[[T], object] = methodcaller("close")
) -> T:
    """Open a file beside the loop. A thread cannot be cancelled: what it opens for nobody is closed."""
    opening = asyncio.get_running_loop().run_in_executor(None, open_file)
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        _close_later(opening, close)
        raise


def _close_later(task: asyncio.Future[T], close: Callable[[T], object]) -> None:
    def done(task: asyncio.Future[T]) -> None:
        if not task.cancelled() and task.exception() is None:
            close(task.result())

    task.add_done_callback(done)
