"""AES-128-ECB with PKCS#7, by which media are encrypted on the CDN, and the spellings of its keys.
`chat` and the services use it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ..media import Medium
from .options import KeySpelling

BLOCK = 16


class KeyMismatchError(Exception):
    """The bytes are not the cipher text of anything under this key."""


def cipher_size(plain_size: int) -> int:
    """Return the size of the cipher text."""
    return (plain_size // BLOCK + 1) * BLOCK


def decrypt(data: bytes, key: bytes) -> bytes:
    """Decrypt, and remove the padding. Raises KeyMismatchError where that fails."""
    if not data or len(data) % BLOCK:
        raise KeyMismatchError(f"{len(data)} bytes are no whole blocks")
    decryptor = _aes(key).decryptor()
    padded = decryptor.update(data) + decryptor.finalize()
    count = padded[-1]
    if not 1 <= count <= BLOCK or padded[-count:] != bytes([count]) * count:
        raise KeyMismatchError("the padding is wrong")
    return padded[:-count]


def spell_key(key: bytes, spelling: KeySpelling) -> str:
    """Write a key as `media.aes_key` has it."""
    return base64.b64encode(key if spelling is KeySpelling.RAW else key.hex().encode()).decode()


def read_key(text: str) -> bytes | None:
    """Read a key as phones do: base64 of 32 hex digits. Return None for any other spelling."""
    try:
        digits = base64.b64decode(text, validate=True).decode("ascii")
        return bytes.fromhex(digits) if len(digits) == 2 * BLOCK else None
    except (binascii.Error, ValueError):
        return None


class Encrypted(Medium):
    """The cipher text of a medium, made while it is read: a gigabyte needs no memory."""

    def __init__(self, plain: Medium, key: bytes) -> None:
        super().__init__(size=cipher_size(plain.size), mime="application/octet-stream")
        self._plain = plain
        self._key = key

    @property
    def is_kept(self) -> bool:
        return self._plain.is_kept

    def blocks(self, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from `begin` up to `end`, in pieces."""
        first = begin - begin % BLOCK
        skip, left = begin - first, (self.size if end is None else min(end, self.size)) - begin
        for piece in self._encrypted(first):
            if left <= 0:
                return
            wanted = piece[skip : skip + left]
            skip = max(0, skip - len(piece))
            left -= len(wanted)
            if wanted:
                yield wanted

    def _encrypted(self, first: int) -> Iterator[bytes]:
        encryptor, rest = _aes(self._key).encryptor(), b""
        for piece in self._plain.blocks(first):
            rest += piece
            whole = len(rest) - len(rest) % BLOCK
            yield encryptor.update(rest[:whole])
            rest = rest[whole:]
        count = BLOCK - len(rest)
        yield encryptor.update(rest + bytes([count]) * count)


def _aes(key: bytes) -> Cipher[modes.ECB]:
    return Cipher(algorithms.AES128(key), modes.ECB())  # noqa: S305 - the service's own choice
