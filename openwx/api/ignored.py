"""Reports what was ignored of a call: old programs send more than a route knows, and work all the same.

Otherwise a misspelt parameter would silently do nothing. The log has a line for each route and name, at most once an
hour; the answer has a header.
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
"""Lines within ``AGAIN_S``, for all names together: neither the log nor the memory fills up."""
_LONGEST = 40


class IgnoredReport:
    """Remembers which lines were logged."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._logged: OrderedDict[tuple[str, str], float] = OrderedDict()
        """When each line was logged, the oldest first."""

    def log(self, row: Route, params: RequestParams) -> str:
        """Log what is new, and return the value of the header."""
        for name in params.ignored:
            if self._is_new(row.name, name):
                hint = _near(name, row.known or ())
                log.warning("%s: the parameter %a is ignored%s", row.name, name[:_LONGEST], hint)
        if params.unread and self._is_new(row.name, BODY):
            log.warning("%s: the body is ignored: %s", row.name, params.unread)
        names = [quote(name[:_LONGEST].encode("utf-8", "replace")) for name in params.ignored]
        return ", ".join([BODY, *names] if params.unread else names)

    def _is_new(self, route: str, name: str) -> bool:
        now = self._clock()
        while self._logged and next(iter(self._logged.values())) <= now - AGAIN_S:
            self._logged.popitem(last=False)
        key = route, name[:_LONGEST]
        if key in self._logged or len(self._logged) >= MOST_LINES:
            return False
        self._logged[key] = now
        return True


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name[:_LONGEST].lower(), list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
