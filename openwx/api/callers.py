"""Who calls, and what they may do (contract, section 5.6): the holder of ``access.token``, of a key, or anybody.
``access`` finds callers; every route and page asks what they may do.

``Caller.require`` is the one check of scopes. Which accounts a caller sees is up to ``VisibleGateway``.
"""

import hmac
from enum import IntEnum
from typing import TYPE_CHECKING

import msgspec

from openwx.config.values import NOT_KEYS
from openwx.errors import CallerError, Code

if TYPE_CHECKING:
    from openwx.config import AccessSettings


class Scope(IntEnum):
    """What a route or page does, and what a key allows; each includes those before it."""

    READ = 0
    """Look, and follow streams."""
    SEND = 1
    """Send, ask, recall, upload media."""
    FULL = 2
    """Change contacts, accounts and deliveries."""

    @property
    def word(self) -> str:
        """Its name in the configuration."""
        return self.name.lower()


class Caller(msgspec.Struct, frozen=True):
    """A caller who was let in. ``accounts`` None: all."""

    name: str
    scope: Scope = Scope.FULL
    accounts: frozenset[str] | None = None

    @property
    def is_key(self) -> bool:
        """Whether it is a key of the configuration, and not everybody or the holder of ``access.token``."""
        return self.name not in NOT_KEYS

    def has(self, scope: Scope) -> bool:
        return self.scope >= scope

    def require(self, scope: Scope) -> None:
        """Raise ``CallerError`` (-8) unless the caller has the scope."""
        if self.scope < scope:
            words = f"this needs a key with the scope {scope.word}; the key {self.name} has {self.scope.word}"
            raise CallerError(Code.FORBIDDEN, words)

    def sees(self, account: str) -> bool:
        """Return whether an account exists for the caller."""
        return self.accounts is None or account in self.accounts


ANYBODY = Caller("anonymous")
"""Every caller where no token is needed."""
NOBODY = Caller("nobody", Scope.READ, frozenset())
"""A visitor before the login, to whom no account exists."""


class Callers:
    """All callers who have a token."""

    def __init__(self, settings: "AccessSettings") -> None:
        self._known: list[tuple[bytes, Caller]] = []
        if settings.token is not None:
            self._known.append((_encoded(settings.token), Caller("token")))
        for key in settings.keys:
            accounts = None if key.accounts is None else frozenset(key.accounts)
            caller = Caller(key.name, Scope[key.scope.upper()], accounts)
            self._known.append((_encoded(key.token), caller))

    @property
    def needs_token(self) -> bool:
        return bool(self._known)

    def with_token(self, text: str) -> Caller | None:
        """Return whose token this is. All are compared, so that the time tells nothing about them."""
        given = _encoded(text)
        found = None
        for token, caller in self._known:
            if hmac.compare_digest(given, token):
                found = caller
        return found

    def proof_of(self, name: str, key: bytes) -> bytes:
        """Return what follows from the token of a caller; nothing where there is no such caller."""
        tokens = [token for token, caller in self._known if caller.name == name]
        return hmac.digest(key, tokens[0], "sha256") if tokens else b""

    def proven(self, name: str, proof: bytes, key: bytes) -> Caller | None:
        """Return the caller of this name if this is the proof of its token."""
        for token, caller in self._known:
            if caller.name == name and hmac.compare_digest(
                proof, hmac.digest(key, token, "sha256")
            ):
                return caller
        return None


def _encoded(token: str) -> bytes:
    return token.encode("utf-8", "surrogateescape")
