"""The encryption of media: AES-128 in ECB mode with PKCS#7 padding, a key for each file (the official client's source,
2.4.9). The mode is the service's choice; it hides a file from the CDN, and vouches for nothing.
``Transfer`` encrypts and decrypts with it.
"""

import base64
import binascii
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

BLOCK = 16
"""Length of a block, and of a key, in bytes."""
INVALID_KEY = ""
"""The key of a file whose key makes no sense."""

_HEX = re.compile(r"[0-9a-fA-F]{32}", re.ASCII)


class CipherError(Exception):
    """What came is not what the key was made for."""


def key_in(hexadecimal: Any, encoded: Any) -> str | None:
    """Return a file's key in hexadecimal, None where there is none, ``INVALID_KEY`` where it makes no sense.

    ``hexadecimal`` counts if it is there. ``encoded`` is base64 of the key, or of its hexadecimal digits: both occur.
    """
    if isinstance(hexadecimal, str) and _HEX.fullmatch(hexadecimal.strip()):
        return hexadecimal.strip().lower()
    if not encoded:
        return INVALID_KEY if hexadecimal else None
    if not isinstance(encoded, str) or len(encoded) > 200:
        return INVALID_KEY
    try:
        key = base64.b64decode(encoded.strip() + "=" * (-len(encoded.strip()) % 4))
    except (binascii.Error, ValueError):
        return INVALID_KEY
    if len(key) == BLOCK:
        return key.hex()
    written = key.decode("latin-1")
    return written.lower() if _HEX.fullmatch(written) else INVALID_KEY


def encoded_key(key: bytes) -> str:
    """Spell a key for a message: base64 of its hexadecimal digits. Phones do not understand base64 of its bytes."""
    return base64.b64encode(key.hex().encode()).decode()


def cipher_size(plain_size: int) -> int:
    """Return the size of an encrypted file: there is always padding."""
    return (plain_size // BLOCK + 1) * BLOCK


async def encrypted(plain: AsyncIterator[bytes], key: bytes) -> AsyncGenerator[bytes, None]:
    """Encrypt a file piece by piece."""
    padder = PKCS7(BLOCK * 8).padder()
    encryptor = _cipher(key).encryptor()
    async for piece in plain:
        if data := encryptor.update(padder.update(piece)):
            yield data
    yield encryptor.update(padder.finalize()) + encryptor.finalize()


class Decryption:
    """Decrypts a file as it arrives, and passes it on to ``put``."""

    def __init__(self, key: bytes, put: Callable[[bytes], Awaitable[object]]) -> None:
        self._put = put
        self._decryptor = _cipher(key).decryptor()
        self._unpadder = PKCS7(BLOCK * 8).unpadder()

    async def take(self, data: bytes) -> None:
        """Decrypt a piece. The last block waits for ``end``."""
        if plain := self._unpadder.update(self._decryptor.update(data)):
            await self._put(plain)

    async def end(self) -> None:
        """Decrypt the rest. Raises ``CipherError`` where the padding is wrong."""
        try:
            rest = self._unpadder.update(self._decryptor.finalize()) + self._unpadder.finalize()
        except ValueError:
            raise CipherError("what came is not encrypted with its key") from None
        if rest:
            await self._put(rest)


def _cipher(key: bytes) -> Cipher[modes.ECB]:
    return Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - the service's
