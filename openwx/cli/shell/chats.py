"""Whom a command line means."""

import re

_ID = re.compile(r"@owner|@{1,2}[0-9a-f]{16,}|[^\s@]+@im\.wechat|filehelper", re.IGNORECASE)
"""What is no name: ids of web WeChat and of iLink, as ``openwx who`` prints them, and the account's own person."""


def selectors(to: str) -> dict[str, str]:
    """Return the selector of a call for what ``--to`` says: an id, or else an exact display name."""
    return {"id": to} if _ID.fullmatch(to) else {"displayname": to}


def is_group(to: str) -> bool:
    """Whether it is the id of a group."""
    return to.startswith("@@") and "id" in selectors(to)
