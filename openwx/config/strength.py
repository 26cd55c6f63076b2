"""Estimates how hard a token is to guess. ``load`` and ``doctor`` warn by it."""

import math
import string

STRONG_BITS = 80
WEAK_BITS = 40
NEW = 'python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
"""The command that prints a strong token."""
_EXAMPLES = ("random", "token", "secret", "password", "change", "example", "openwx")


def can_be_guessed(token: str) -> bool:
    """Check whether a token is short, or contains a common word."""
    return _bits(token) < WEAK_BITS or any(word in token.lower() for word in _EXAMPLES)


def weakness(token: str) -> str:
    """Say what is wrong with a token; empty if nothing is."""
    if can_be_guessed(token):
        return "it can be guessed: it is short, or contains common words"
    return "it is rather short" if _bits(token) < STRONG_BITS else ""


def _bits(text: str) -> float:
    """Estimate the entropy, at most: from the length, the kinds of characters, and how they repeat."""
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
    alphabet = sum(len(kind) for kind in kinds if set(text) & set(kind))
    alphabet += 32 * any(not c.isalnum() for c in text)
    return len(text) * math.log2(max(2, min(alphabet, 2 * len(set(text)))))
