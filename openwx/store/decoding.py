"""Decodes JSON that openwx wrote into the journal. Whatever looks into a row calls it; streams and ``post_api`` pass
the body of a report on as it is.

A row can be damaged. What is no JSON of the wanted type is as if it were not there, so that one row stops neither an
account nor its chat nor a page.
"""

import logging
from typing import TypeVar

import msgspec

from openwx import metrics
from openwx.errors import UNREADABLE

log = logging.getLogger("openwx.report")

T = TypeVar("T")


def decode_row(data: bytes, kind: type[T], what: str) -> T | None:
    """Decode what a row has; None where it cannot be read. ``what`` says in the log what that was."""
    try:
        return msgspec.json.decode(data, type=kind)
    except UNREADABLE as error:
        metrics.dropped(
            log, "saved_state", "%s cannot be read any more, and is left out: %s", what, error
        )
        return None
