"""Proxies for objects that live in a ``LoopThread``, for tests that run in another thread.

A test calls ``friend.says("hi")`` and ``friend.hears_text()``; both run in the loop thread. In a plain test, a call
of a coroutine function blocks until the result is there; in an ``async`` test, it is awaited.
"""

import asyncio
import enum
import inspect
from collections.abc import Callable
from typing import Any

from openwx.testing.thread import LoopThread

_LIVE = ("openwx.simulator.", "openwx.testing.", "openwx.client.client", "openwx.client.stream")
"""Objects of these modules stay in the thread; all others are plain data."""


class Remote:
    """A proxy for an object in the thread. It forwards attributes, calls, iteration and comparison."""

    __slots__ = ("_is_async", "_target", "_thread")

    def __init__(self, target: object, thread: LoopThread, *, is_async: bool) -> None:
        for name, value in (("_target", target), ("_thread", thread), ("_is_async", is_async)):
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        value = self._thread.do(lambda: getattr(self._target, name))
        return self._calling(value) if inspect.isroutine(value) else self._shown(value)

    def __setattr__(self, name: str, value: object) -> None:
        self._thread.do(lambda: setattr(self._target, name, _meant(value)))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._calling(self._target)(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return bool(self._target == _meant(other))

    def __hash__(self) -> int:
        return hash(self._target)

    def __repr__(self) -> str:
        return f"<{self._target!r} in the thread of openwx.testing>"

    def __str__(self) -> str:
        return str(self._target)

    def __iter__(self) -> "Remote":
        return self

    def __next__(self) -> Any:
        try:
            return self._shown(self._thread.run(anext(self._target)))
        except StopAsyncIteration:
            raise StopIteration from None

    def __aiter__(self) -> "Remote":
        return self

    async def __anext__(self) -> Any:
        return self._shown(await asyncio.wrap_future(self._thread.submit(anext(self._target))))

    def _calling(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            meant = [_meant(one) for one in args]
            named = {name: _meant(one) for name, one in kwargs.items()}
            return self._outcome(self._thread.do(lambda: function(*meant, **named)))

        call.__doc__ = function.__doc__
        return call

    def _outcome(self, value: Any) -> Any:
        if not inspect.iscoroutine(value):
            return self._shown(value)
        if self._is_async:
            return self._awaited(value)
        return self._shown(self._thread.run(value))

    async def _awaited(self, work: Any) -> Any:
        return self._shown(await asyncio.wrap_future(self._thread.submit(work)))

    def _shown(self, value: Any) -> Any:
        """Wrap live objects in a ``Remote``; return plain data unchanged."""
        match value:
            case list() | tuple():
                return type(value)(self._shown(one) for one in value)
            case dict():
                return {key: self._shown(one) for key, one in value.items()}
            case enum.Enum():
                return value
        is_live = inspect.isasyncgen(value) or type(value).__module__.startswith(_LIVE)
        return Remote(value, self._thread, is_async=self._is_async) if is_live else value


def _meant(value: Any) -> Any:
    """Unwrap ``Remote`` arguments for use in the thread."""
    match value:
        case Remote():
            return object.__getattribute__(value, "_target")
        case list() | tuple():
            return type(value)(_meant(one) for one in value)
    return value
