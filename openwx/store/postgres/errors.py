"""What an error of a statement says about its effect. Whatever makes a statement asks."""

from enum import Enum, auto

import asyncpg

from openwx.store.postgres.functions import FENCED


class Effect(Enum):
    """What is known of a statement after an error."""

    FENCED = auto()
    """Nothing was changed: the account has another owner or term, or its unit was written before."""
    INVALID = auto()
    """Nothing was changed, and never would be: the data contradict themselves or what is stored."""
    REFUSED = auto()
    """Nothing was changed: the server says why (its disk is full, a lock was not to be had)."""
    BROKEN = auto()
    """Nothing was changed, for a reason that another connection may not meet (an internal error, a standby)."""
    UNKNOWN = auto()
    """Perhaps it was done, or will be: the connection is of no use any more."""


_INVALID = ("22", "23", "54")
"""The classes of bad data: its form, what is stored, its size."""
_REFUSED = ("25", "40", "42", "53", "55", "57014", "58")
"""Of an error that ended the transaction, but not the connection."""
_READ_ONLY = "25006"
"""Of a server that has become a standby: another one is written now."""
_OF_CONNECTION = ("08", "57")
"""Of an error that says nothing of the transaction, such as one of a pooler."""


def effect_of(error: BaseException) -> Effect:
    """Return what is known after an error."""
    if isinstance(error, UnicodeError):
        return Effect.INVALID
    if not isinstance(error, asyncpg.PostgresError):
        return Effect.UNKNOWN
    state = error.sqlstate or ""
    if state == _READ_ONLY:
        return Effect.BROKEN
    if state == FENCED:
        return Effect.FENCED
    if state.startswith(_INVALID):
        return Effect.INVALID
    severity = getattr(error, "severity_en", None)
    if severity in (None, "ERROR") and state.startswith(_REFUSED):
        return Effect.REFUSED
    # PostgreSQL calls nothing an error that happens after a commit: that is a panic.
    if severity == "ERROR" and not state.startswith(_OF_CONNECTION):
        return Effect.BROKEN
    return Effect.UNKNOWN


def worded(error: BaseException) -> str:
    """Say in one line why PostgreSQL cannot be used."""
    if isinstance(error, TimeoutError):
        return "PostgreSQL has not answered in time"
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return "PostgreSQL: each host that answers is a standby or read-only"
    return f"PostgreSQL: {' '.join(str(error).split()) or type(error).__name__}"
