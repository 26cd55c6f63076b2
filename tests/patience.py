"""How long a test waits for what must happen: until it does, and generously, so that a slow machine passes too."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 60.0
PATIENCE_MS = 1000 * PATIENCE_S
"""The same for Playwright."""
_AGAIN_S = 0.01
_SOON_S = 0.002


async def until(holds: Callable[[], object]) -> None:
    """Wait until a condition holds of which nothing tells."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(_SOON_S)


async def until_seen(look: Callable[[], Awaitable[T]], fits: Callable[[T], object] = bool) -> T:
    """Look again and again until what is seen fits; return it."""
    seen = await look()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not fits(seen):
                await asyncio.sleep(_AGAIN_S)
                seen = await look()
    except TimeoutError:
        raise AssertionError(f"this is still seen: {seen}") from None
    return seen
