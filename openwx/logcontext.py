"""Fields that say what lines in the log are about: ``with bind(account="work"): …``.
Whatever begins a call, a send or a delivery binds them.

``logs.py`` adds them to each JSON line that is logged within, also by tasks that start there.
"""

from collections.abc import Mapping
from contextvars import ContextVar, Token

_known: ContextVar[dict[str, str | int]] = ContextVar("about")
_NOTHING: Mapping[str, str | int] = {}


class bind:  # noqa: N801 - reads as a verb of the language, as `suppress` does
    """A context whose lines have these fields: ``account``, ``route``, ``key``, ``webhook_id``, ``event``,
    ``target``."""

    __slots__ = ("_fields", "_token")

    def __init__(self, **fields: str | int) -> None:
        self._fields = fields
        self._token: Token[dict[str, str | int]] | None = None

    def __enter__(self) -> None:
        self._token = _known.set({**current(), **self._fields})

    def __exit__(self, *_: object) -> None:
        assert self._token is not None
        _known.reset(self._token)


def begin(**fields: str | int) -> None:
    """Have the following lines of this task say what it is about, and nothing of what it began in."""
    _known.set(fields)


def also(**fields: str | int) -> None:
    """Add fields to the following lines of what ``begin`` or ``bind`` began, also of tasks that it started."""
    _known.get().update(fields)


def current() -> Mapping[str, str | int]:
    """Return the fields that apply here."""
    return _known.get(_NOTHING)
