"""Says what of a call was ignored: old programs send more than a route knows, and work all the same.

A misspelt parameter would otherwise do nothing without a word. The log has a line for each route and name, not more
often than once an hour; the answer has a header.
"""

import difflib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from urllib.parse import quote

from openwx.api.parameters import RequestParams
from openwx.api.routing import Route

log = logging.getLogger("openwx.web")

BODY = "(body)"
"""Stands for a whole body."""
AGAIN_S = 3600.0
MOST_LINES = 100
"""Within ``AGAIN_S``, whatever the names are: so neither the log nor the memory is filled."""
_LONGEST = 40


class Ignored:
    """Remembers what was said already."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: OrderedDict[tuple[str, str], float] = OrderedDict()
        """When it was said, the oldest first."""

    def say(self, row: Route, given: RequestParams) -> str:
        """A line in the log for what is new, and the value of the header."""
        for name in given.ignored:
            if self._is_new(row.name, name):
                hint = _near(name, row.known or ())
                log.warning("%s: the parameter %a is ignored%s", row.name, name[:_LONGEST], hint)
        if given.unread and self._is_new(row.name, BODY):
            log.warning("%s: the body is ignored: %s", row.name, given.unread)
        names = [quote(name[:_LONGEST].encode("utf-8", "replace")) for name in given.ignored]
        return ", ".join([BODY, *names] if given.unread else names)

    def _is_new(self, route: str, name: str) -> bool:
        now = self._clock()
        while self._said and next(iter(self._said.values())) <= now - AGAIN_S:
            self._said.popitem(last=False)
        key = route, name[:_LONGEST]
        if key in self._said or len(self._said) >= MOST_LINES:
            return False
        self._said[key] = now
        return True


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name[:_LONGEST].lower(), list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
