"""Work of the tests themselves, which coverage need not follow: it makes Python several times slower."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any


async def draws(work: Callable[..., None], *arguments: Any) -> None:
    """Draw examples in a thread without coverage. What the gateway does in other threads is measured."""

    def unmeasured() -> None:
        tracer = sys.gettrace()
        sys.settrace(None)
        try:
            work(*arguments)
        finally:
            sys.settrace(tracer)

    await asyncio.to_thread(unmeasured)
