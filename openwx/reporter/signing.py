"""The headers of a report, as in the Standard Webhooks specification. ``Poster`` calls it."""

import base64
import hashlib
import hmac
from collections.abc import Iterable

from openwx import __version__


def key_of(secret: str) -> bytes:
    """Return the key of a secret: base64 after ``whsec_``, or the text itself."""
    if secret.startswith("whsec_"):
        return base64.b64decode(secret.removeprefix("whsec_"))
    return secret.encode()


class Signer:
    """Makes the headers of a report from its body, which comes in pieces, so that it need not be in memory."""

    def __init__(self, webhook_id: str, timestamp_s: int, key: bytes | None) -> None:
        self._webhook_id = webhook_id
        self._timestamp = str(timestamp_s)
        signed = f"{webhook_id}.{timestamp_s}.".encode()
        self._hmac = None if key is None else hmac.new(key, signed, hashlib.sha256)

    def update(self, pieces: Iterable[bytes]) -> int:
        """Add what is posted. Return its length."""
        length = 0
        for piece in pieces:
            length += len(piece)
            if self._hmac is not None:
                self._hmac.update(piece)
        return length

    def headers(self) -> dict[str, str]:
        """Return the headers, with a signature if there is a key."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"openwx/{__version__}",
            "webhook-id": self._webhook_id,
            "webhook-timestamp": self._timestamp,
        }
        if self._hmac is not None:
            headers["webhook-signature"] = f"v1,{base64.b64encode(self._hmac.digest()).decode()}"
        return headers
