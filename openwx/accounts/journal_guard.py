"""What callers are told when the journal cannot be written. Whatever answers callers uses it."""

from openwx.errors import CallerError, Code, LeaseLost
from openwx.store.base import InDoubt, Journal, JournalError

RETRY_AFTER_S = 1
"""``Retry-After``, in seconds. The journal checks twice a second whether it can be written again."""
ELSEWHERE_S = 5
"""``Retry-After`` while another process takes the account, or this one may not act for it, in seconds."""

StoreError = JournalError | InDoubt | LeaseLost
"""What a write raises when the store does not do it."""


def not_kept(error: JournalError, done: str) -> CallerError:
    """Make the refusal (-5, HTTP 503). ``done`` says what was done, such as "nothing was sent"."""
    return CallerError(Code.GAVE_UP, f"{done}: {error}", http_status=503, retry_after=RETRY_AFTER_S)


def refusal(error: StoreError) -> CallerError:
    """Make the answer to a caller whose write ended so: not done, not done by this process, or unknown."""
    match error:
        case InDoubt():
            words = f"{error}: the outcome is unknown"
            return CallerError(Code.UNREACHABLE, words, http_status=504)
        case LeaseLost():
            return CallerError(
                Code.NOT_RUNNING, f"not done: {error}", http_status=503, retry_after=ELSEWHERE_S
            )
        case JournalError():
            return not_kept(error, "not done")


def require(journal: Journal, done: str) -> None:
    """Raise ``CallerError`` if it is known that the journal cannot be written."""
    try:
        journal.require_writable()
    except JournalError as error:
        raise not_kept(error, done) from None
