"""New keys, message ids and secrets of an account: the same ones for the same seed. Drafts use them, too."""

from __future__ import annotations

import random

_HEX = "0123456789abcdef"


class Identifiers:
    """Generates the identifiers of one account."""

    def __init__(self, seed: int, number: int, first: int) -> None:
        self.random = random.Random(f"{seed}:{number}")
        """Draws the account's people, too."""
        self._secrets = random.Random(f"{seed}:{number}:secrets")
        self._last_key = 0
        self._last_number = first + number * 10**16

    def next_key(self) -> int:
        """Return the key of a new person or group."""
        self._last_key += 1
        return self._last_key

    def next_number(self) -> int:
        """Return a new message id: 64 bits, beyond 2**53, growing."""
        self._last_number += self.random.randrange(1, 1_000_003)
        return self._last_number

    def secret(self, digits: int) -> str:
        """Return so many new hex digits."""
        return "".join(self._secrets.choices(_HEX, k=digits))

    def new_media_id(self) -> str:
        return f"@crypt_{self.secret(8)}_{self.secret(96)}"
