"""Filters of the templates: texts of others, times, sizes, initials. ``ConsoleServices`` installs them."""

import time
from collections.abc import Callable
from typing import Any

from yarl import URL

from openwx.safetext import without_controls

_HUES = 8
_UNITS = ("B", "kB", "MB", "GB")


def initial(name: object) -> str:
    """Return the letter to show in place of an avatar."""
    return next((c.upper() for c in without_controls(name) if c.isalnum()), "·")


def hue(name: object) -> int:
    """Choose one of eight colours, always the same for a name."""
    return sum(map(ord, str(name))) % _HUES


def iso(seconds: float) -> str:
    """Format Unix time for the browser, which shows it in its own zone."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def clock(seconds: float) -> str:
    """Format Unix time in the server's zone, with the date unless it is today."""
    then, now = time.localtime(seconds), time.localtime()
    if then[:3] == now[:3]:
        return time.strftime("%H:%M", then)
    return time.strftime("%m-%d %H:%M" if then[0] == now[0] else "%Y-%m-%d %H:%M", then)


def size(count: object) -> str:
    """Format a number of bytes with a unit."""
    number = float(str(count)) if str(count).isdecimal() else 0.0
    unit = 0
    while number >= 1000 and unit < len(_UNITS) - 1:
        number /= 1000
        unit += 1
    return f"{number:.{0 if number >= 10 or not unit else 1}f} {_UNITS[unit]}"


def without_password(url: object) -> str:
    return str(URL(str(url)).with_user(None))


FILTERS: dict[str, Callable[..., Any]] = {
    "plain": without_controls,
    "initial": initial,
    "hue": hue,
    "iso": iso,
    "clock": clock,
    "size": size,
    "without_password": without_password,
}
