"""How the commands for shell scripts end: exit codes, and what they say of a failure.
Each of them raises and prints these.
"""

import re
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from openwx.cli import probe
from openwx.cli.shell import output
from openwx.client import (
    Ambiguous,
    CallFailed,
    Client,
    NotConnected,
    NotFound,
    NotRunning,
    OutcomeUnknown,
)
from openwx.config import Settings
from openwx.errors import Code, OpenwxError

DONE, FAILED, NOBODY, AMBIGUOUS, UNKNOWN, NOT_RUNNING = 0, 1, 3, 4, 5, 6
"""Exit codes; 2 is a wrong command line or configuration."""
WORDS = {
    FAILED: "failed",
    NOBODY: "nobody",
    AMBIGUOUS: "ambiguous",
    UNKNOWN: "unknown",
    NOT_RUNNING: "not_running",
}
"""The member ``outcome`` of the JSON of a failure, by exit codes."""
_OPTIONS = {
    "idempotency_key": "--key",
    "client": "--client",
    "type": "--type",
    "chat": "--chat",
    "after": "--after",
}
"""What the command line calls parameters of the API."""
_OF_PARAMETER = re.compile(r"idempotency_key|^(client|type|chat|after)(?= (must|is missing))")


class Failure(OpenwxError):
    """A command that ends with this exit code; ``code``, ``status`` and ``extra`` as in answers of the API."""

    def __init__(self, exit_code: int, code: int | None, status: str, **extra: Any) -> None:
        super().__init__(status)
        self.exit_code = exit_code
        self.code = Code.UNREACHABLE if code is None else code
        self.status = status
        self.extra = extra
        self.candidates: Sequence[Mapping[str, str]] = ()


def ends(work: Callable[[], int], *, as_json: bool, sends: bool = True) -> int:
    """Do the work, say what failed, and return the exit code. ``sends``: a lost answer may hide a message."""
    output.open_what_is_closed()
    try:
        return work()
    except probe.NotReachedError as error:
        failure = Failure(NOT_RUNNING, None, str(error))
    except CallFailed as error:
        failure = _of(error, sends=sends)
    except Failure as error:
        failure = error
    except BrokenPipeError:
        output.discard(sys.stdout)
        return DONE
    except OSError as error:  # a full disk, or a file that was removed meanwhile
        output.discard(sys.stdout)
        output.complain(str(error))
        return FAILED
    _say(failure, as_json=as_json)
    return failure.exit_code


@contextmanager
def after_sending() -> Iterator[None]:
    """Print what became of a message. Whoever does not learn it must not take it for a failure, and send it again."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        words = f"it was sent, and standard output takes no answer: {error.strerror or error}"
        raise Failure(UNKNOWN, Code.DONE, words) from None


@asynccontextmanager
async def gateway(settings: Settings, account: str | None) -> AsyncIterator[Client]:
    """Find the running gateway, and open a client of it. Raises ``NotReachedError``."""
    found = await probe.find(settings)
    note_demo(found)
    async with found.client(settings, account) as wx:
        yield wx


def note_demo(found: probe.RunningGateway) -> None:
    """Say it where the gateway is a demo: nothing of it reaches WeChat."""
    if found.is_demo:
        output.complain(f"this is the demo at {found.url}")


def _of(error: CallFailed, *, sends: bool) -> Failure:
    status = _OF_PARAMETER.sub(lambda found: _OPTIONS[found[0]], error.status)
    match error:
        case OutcomeUnknown() if sends:
            exit_code, status = UNKNOWN, f"{status}; it may have been sent all the same"
        case NotFound():
            exit_code = NOBODY
        case Ambiguous():
            failure = Failure(AMBIGUOUS, error.code, status, **error.extra)
            failure.candidates = error.candidates
            return failure
        case NotConnected() | NotRunning():
            exit_code = NOT_RUNNING
        case _:
            exit_code = FAILED
    return Failure(exit_code, error.code, status, **error.extra)


def _say(failure: Failure, *, as_json: bool) -> None:
    """Say what failed; the exit code does, where standard output takes nothing."""
    if as_json:
        told = {"outcome": WORDS[failure.exit_code], "code": failure.code, "status": failure.status}
        try:
            output.json_line(told | failure.extra | told)
        except OSError:
            output.discard(sys.stdout)
        else:
            return
    output.complain(failure.status)
    for one in failure.candidates:
        output.complain(f"  {one.get('id', '')}  {one.get('displayname', '')}")
