"""Refuses what callers ask for while the journal cannot be written."""

from openwx.errors import CallerError, Code
from openwx.store.base import Journal, JournalError

RETRY_AFTER_S = 1
"""``Retry-After``, in seconds. The journal checks twice a second whether it can be written again."""


def not_kept(error: JournalError, done: str) -> CallerError:
    """Make the refusal (-5, HTTP 503). ``done`` says what was done, such as "nothing was sent"."""
    return CallerError(Code.GAVE_UP, f"{done}: {error}", http_status=503, retry_after=RETRY_AFTER_S)


def require(journal: Journal, done: str) -> None:
    """Raise ``CallerError`` if it is known that the journal cannot be written."""
    try:
        journal.require_writable()
    except JournalError as error:
        raise not_kept(error, done) from None
