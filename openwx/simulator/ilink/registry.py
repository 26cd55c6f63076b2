"""The registers of the iLink service: bots, media, permissions to upload; and the source of all its identifiers.
Chats and the services ask them.
"""

from __future__ import annotations

import base64
import random
import time

from ..media import Medium
from ..notifier import Notifier
from .bot import Bot
from .model import Permission, Stored
from .options import ILinkOptions, KeySpelling

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Registry:
    """What all bots of a world have in common. The same identifiers for the same seed."""

    def __init__(self, seed: int, options: ILinkOptions) -> None:
        self.options = options
        self.bots: dict[str, Bot] = {}
        """By token, also those that are stale."""
        self.permissions: dict[str, Permission] = {}
        """By each of their two parameters."""
        self.uploads: dict[str, Permission] = {}
        """Those that were used, by the parameter of the download."""
        self.stored: dict[str, Stored] = {}
        """By the parameter of the download."""
        self._draw = random.Random(f"{seed}:ilink")
        self._count = 0

    # Identifiers

    def next_id(self) -> int:
        """Return a new message id: 64 bits, beyond 2**53, growing."""
        self._count += self._draw.randrange(1, 1_000_003)
        return self.options.first_id + self._count

    def letters(self, count: int) -> str:
        return "".join(self._draw.choices(_LETTERS, k=count))

    def digits(self, count: int) -> str:
        return "".join(self._draw.choices("0123456789", k=count))

    def secret(self, size: int) -> bytes:
        return self._draw.randbytes(size)

    def context_token(self) -> str:
        """Return a token as long as the real ones: 136 characters."""
        return base64.b64encode(self._draw.randbytes(101)).decode()

    def person_id(self) -> str:
        """Return the lasting id of a person. Its letter case matters."""
        return f"o9cq80{self.letters(22)}@im.wechat"

    def next_spelling(self) -> KeySpelling:
        """Return the spelling of the next key; with the option `both`, one and the other in turn."""
        if self.options.keys is not KeySpelling.BOTH:
            return self.options.keys
        return KeySpelling.HEX if len(self.stored) % 2 else KeySpelling.RAW

    # Registers

    def new_bot(self, user_id: str, pulse: Notifier) -> Bot:
        """Make a bot of a person, with an id and a token of its own."""
        id = f"{self.secret(6).hex()}@im.bot"
        bot = Bot(id, f"{id}:{self.secret(16).hex()}", user_id, self.options, pulse)
        self.bots[bot.token] = bot
        return bot

    def allow(self, permission: Permission) -> None:
        """Remember a permission to upload."""
        self.permissions[permission.param] = permission
        self.permissions[permission.url_param] = permission

    def store(self, medium: Medium, key: bytes | None, *, fits: bool = True) -> Stored:
        """Put a medium on the CDN: under this key, or as it is. `fits`: it is what was promised."""
        stored = Stored(self.new_param(), medium, key, fits)
        self.stored[stored.param] = stored
        return stored

    def find_stored(self, param: str) -> Stored | None:
        """Return a medium by its download parameter, unless it is older than `media_life_s`."""
        stored, life_s = self.stored.get(param), self.options.media_life_s
        if stored is None or (life_s and time.time() - stored.since > life_s):
            return None
        return stored

    def new_param(self) -> str:
        """Return the parameter of an upload or download: base64 with characters that a client has to quote."""
        return "+/" + self.letters(120) + "=="
