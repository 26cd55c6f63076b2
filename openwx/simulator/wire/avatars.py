"""Pictures of people and groups: squares of one colour. `downloads` sends them."""

from __future__ import annotations

import functools

from ..model import Chat
from ..samples import png


def avatar(chat: Chat) -> bytes:
    """Draw the picture of a person or group, as PNG."""
    return _square(*_colour(chat))


def hex_colour(chat: Chat) -> str:
    """Return the colour of the picture as `#rrggbb`."""
    red, green, blue = _colour(chat)
    return f"#{red:02x}{green:02x}{blue:02x}"


def _colour(chat: Chat) -> tuple[int, int, int]:
    """Return red, green and blue: they differ from one chat to the next, and after each change."""
    number = chat.key * 7919 + chat.avatar_version * 104_729
    return number & 255, number >> 3 & 255, number >> 6 & 255


@functools.lru_cache(maxsize=256)
def _square(red: int, green: int, blue: int) -> bytes:
    return png((red, green, blue), 64)
