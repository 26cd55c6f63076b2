"""How long a name may be by which a store finds a row: others give them, and no index takes any length.
Transports, accounts and stores ask.
"""

import hashlib
import logging

log = logging.getLogger("openwx.wechat")

LONGEST_NAME = 2400
"""In bytes of UTF-8. A page of PostgreSQL's indexes takes 2,704, with the account's name and numbers beside it."""
LONGEST_ID = 500
"""Length of the longest id of WeChat that is used as a name, in characters. Its own have 20 digits or 66 characters."""


def as_name(id: str) -> str:
    """Return an id as a name: itself, or the digest of one that is too long. Equal ones stay equal."""
    if len(id) <= LONGEST_ID:
        return id
    name = hashlib.sha256(id.encode("utf-8", "replace")).hexdigest()
    log.warning("an id has %d characters; it is known by its digest, %s", len(id), name)
    return name
