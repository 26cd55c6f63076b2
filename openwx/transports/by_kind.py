"""What depends on the kind of a transport alone: the factory that makes it, and the names of its saved state.
``AccountManager`` and nodes ask.

The composition chooses by it; ``Account`` saves and restores by it. The kind is ``Transport.kind``, the value of the
setting ``transport``.
"""

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from openwx.config import AccountSettings
from openwx.lease import Gate
from openwx.transports.base import Transport, TransportFactory
from openwx.transports.ratelimit import RateLimiter

ValueT = TypeVar("ValueT")

SESSION = "session"
"""The name under which every transport saves what a login yielded."""
_UNNAMED = "web"
"""The kind whose names are saved as they are: for a long time it was the only one. None of them has a dot."""


class TransportsByKind:
    """Makes the transport that the settings of an account name. Implements ``TransportFactory``.

    ``makers`` make the factory of each kind, when an account first needs it.
    """

    def __init__(self, makers: Mapping[str, Callable[[], TransportFactory]]) -> None:
        self._makers = makers
        self._factories: dict[str, TransportFactory] = {}

    @property
    def kinds(self) -> Collection[str]:
        """The kinds of which there is a factory."""
        return self._makers.keys()

    def create(
        self,
        name: str,
        settings: AccountSettings,
        limiter: RateLimiter,
        *,
        is_guarded: bool,
        gate: Gate | None = None,
    ) -> Transport:
        """Make the transport of an account."""
        kind = settings.transport
        factory = self._factories.get(kind)
        if factory is None:
            factory = self._factories[kind] = self._makers[kind]()
        return factory.create(name, settings, limiter, is_guarded=is_guarded, gate=gate)


def to_saved(kind: str, state: Mapping[str, ValueT]) -> dict[str, ValueT]:
    """Return a transport's state under the names by which an account saves it.

    An account that changes its transport keeps the state of both, so that it can change back.
    """
    return {f"{_prefix(kind)}{name}": value for name, value in state.items()}


def of_saved(kind: str, saved: Mapping[str, ValueT]) -> dict[str, ValueT]:
    """Return what of an account's saved state belongs to a transport, under the transport's names."""
    prefix = _prefix(kind)
    own = {
        name.removeprefix(prefix): value for name, value in saved.items() if name.startswith(prefix)
    }
    return own if prefix else {name: value for name, value in own.items() if "." not in name}


def sessions_in(saved: Mapping[str, object]) -> list[str]:
    """Return the names under which an account saved sessions, of any transport."""
    return [name for name in saved if name.rpartition(".")[2] == SESSION]


def _prefix(kind: str) -> str:
    return "" if kind == _UNNAMED else f"{kind}."
