"""Fields that say what lines in the log are about: ``with bind(account="work"): …``.
Whatever begins a call, a send or a delivery binds them.

``logs.py`` adds them to each JSON line that is logged within, also by tasks that start there.
"""

from collections.abc import Mapping
from contextvars import ContextVar, Token

_known: ContextVar[Mapping[str, str | int]] = ContextVar("about", default={})  # noqa: B039 - never changed


class bind:  # noqa: N801 - reads as a verb of the language, as `suppress` does
    """A context whose lines have these fields: ``account``, ``route``, ``key``, ``webhook_id``, ``event``,
    ``target``."""

    __slots__ = ("_fields", "_token")

    def __init__(self, **fields: str | int) -> None:
        self._fields = fields
        self._token: Token[Mapping[str, str | int]] | None = None

    def __enter__(self) -> None:
        self._token = _known.set({**_known.get(), **self._fields})

    def __exit__(self, *_: object) -> None:
        assert self._token is not None
        _known.reset(self._token)


def also(**fields: str) -> None:
    """Add fields to the following lines of this task."""
    _known.set({**_known.get(), **fields})


def leave_out(name: str) -> None:
    """Remove a field from the following lines of this task: it was about what the task began in."""
    _known.set({key: value for key, value in _known.get().items() if key != name})


def current() -> Mapping[str, str | int]:
    """Return the fields that apply here."""
    return _known.get()
