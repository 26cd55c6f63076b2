"""Reports the parameters of a call that were ignored. Old programs send more than a route knows, and work all the same.
``endpoints`` calls it.

A misspelt parameter would otherwise be ignored silently. It is named in a header of the answer, and once an hour for
each route and name in the log.
"""

import difflib
import logging
from collections.abc import Iterable
from urllib.parse import quote

from openwx.api.parameters import RequestParams
from openwx.api.routing import Route
from openwx.throttle import Throttle

log = logging.getLogger("openwx.web")

BODY = "(body)"
"""Stands for a whole body."""
LOG_EVERY_S = 3600.0
MAX_LINES = 100
"""Lines within ``LOG_EVERY_S`` for all names together, which bounds the log and the memory."""
_MAX_NAME = 40


class IgnoredReport:
    """Logs ignored parameters, each once in a while."""

    def __init__(self) -> None:
        self._throttle = Throttle(LOG_EVERY_S, max_keys=MAX_LINES)

    def log(self, row: Route, params: RequestParams) -> str:
        """Log what is new, and return the value of the header."""
        for name in params.ignored:
            if self._throttle.allows((row.name, name[:_MAX_NAME])):
                hint = _near(name, row.known or ())
                log.warning("%s: the parameter %a is ignored%s", row.name, name[:_MAX_NAME], hint)
        if params.unread and self._throttle.allows((row.name, BODY)):
            log.warning("%s: the body is ignored: %s", row.name, params.unread)
        names = [quote(name[:_MAX_NAME].encode("utf-8", "replace")) for name in params.ignored]
        return ", ".join([BODY, *names] if params.unread else names)


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name[:_MAX_NAME].lower(), list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
