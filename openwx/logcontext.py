"""What lines in the log are about, where that is known: ``with about(account="work"): …``.

``logs.py`` adds it to each line of JSON that is logged within, also by the tasks that begin there.
"""

from collections.abc import Mapping
from contextvars import ContextVar, Token

_known: ContextVar[Mapping[str, str]] = ContextVar("about", default={})  # noqa: B039 - never changed


class bind:  # noqa: N801 - reads as a verb of the language, as `suppress` does
    """Within it, lines are about this: ``account``, ``route``, ``webhook_id``, ``event``."""

    __slots__ = ("_fields", "_token")

    def __init__(self, **fields: str) -> None:
        self._fields = fields
        self._token: Token[Mapping[str, str]] | None = None

    def __enter__(self) -> None:
        self._token = _known.set({**_known.get(), **self._fields})

    def __exit__(self, *_: object) -> None:
        assert self._token is not None
        _known.reset(self._token)


def also(**fields: str) -> None:
    """From here on, the lines of this task are about this, too."""
    _known.set({**_known.get(), **fields})


def known() -> Mapping[str, str]:
    """What is known here."""
    return _known.get()
