"""Whom a command line means. ``send`` and ``ask`` look them up."""

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from openwx.client import NotFound

_ID = re.compile(r"@owner|@{1,2}[0-9a-f]{16,}|[^\s@]+@im\.wechat|filehelper", re.IGNORECASE)
"""What is no name: ids of web WeChat and of iLink, as ``openwx who`` prints them, and the account's own person."""


def selectors(to: str) -> dict[str, str]:
    """Return the selector of a call for what ``--to`` says: an id, or else an exact display name."""
    return {"id": to} if _ID.fullmatch(to) else {"displayname": to}


@contextmanager
def looked_for(to: str, hint: str = "") -> Iterator[None]:
    """Say of a chat that is not found how to look for it."""
    try:
        yield
    except NotFound as error:
        error.status += f"; openwx who {shlex.quote(to)} looks among all names{hint}"
        raise


def is_group(to: str) -> bool:
    """Whether it is the id of a group."""
    return to.startswith("@@") and "id" in selectors(to)
