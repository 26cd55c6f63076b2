"""How long a name may be by which a store finds a row: others give them, and no index takes any length.
Transports and accounts shorten what others call things, before it becomes a part of a name. A store still refuses a
name that is too long, so that one that nobody thought of fails alone, and in every store.
"""

import hashlib
import logging

log = logging.getLogger("openwx.wechat")

LONGEST_NAME = 2400
"""In bytes of UTF-8. A page of PostgreSQL's indexes takes 2,704, with the account's name and numbers beside it."""
LONGEST_ID = 500
"""Length of the longest id of WeChat that is used as a name, or behind the number of an account in one, in characters.
Its own have 20 digits or 66 characters."""


def is_too_long(name: str) -> bool:
    """Return whether no store takes a name."""
    return len(name.encode("utf-8", "replace")) > LONGEST_NAME


def as_name(id: str) -> str:
    """Return an id as a name: itself, or the digest of one that is too long. Equal ones stay equal."""
    if len(id) <= LONGEST_ID:
        return id
    name = hashlib.sha256(id.encode("utf-8", "replace")).hexdigest()
    log.warning("an id has %d characters; it is known by its digest, %s", len(id), name)
    return name
