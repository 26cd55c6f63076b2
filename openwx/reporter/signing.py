"""The headers of an upload, as the Standard Webhooks specification has them."""

import base64
import hashlib
import hmac
from collections.abc import Iterable

from openwx import __version__


def key_of(secret: str) -> bytes:
    """The key that a secret stands for: base64 after ``whsec_``, or the text itself."""
    if secret.startswith("whsec_"):
        return base64.b64decode(secret.removeprefix("whsec_"))
    return secret.encode()


class Signer:
    """Makes the headers of an upload from its body, given in pieces, so that it need not be in memory."""

    def __init__(self, webhook_id: str, timestamp_s: int, key: bytes | None) -> None:
        self._webhook_id = webhook_id
        self._timestamp = str(timestamp_s)
        signed = f"{webhook_id}.{timestamp_s}.".encode()
        self._hmac = None if key is None else hmac.new(key, signed, hashlib.sha256)

    def take(self, pieces: Iterable[bytes]) -> int:
        """Add what is posted; answers how many bytes that is."""
        length = 0
        for piece in pieces:
            length += len(piece)
            if self._hmac is not None:
                self._hmac.update(piece)
        return length

    def headers(self) -> dict[str, str]:
        """What goes with the body; signed where there is a key."""
        made = {
            "Content-Type": "application/json",
            "User-Agent": f"openwx/{__version__}",
            "webhook-id": self._webhook_id,
            "webhook-timestamp": self._timestamp,
        }
        if self._hmac is not None:
            made["webhook-signature"] = f"v1,{base64.b64encode(self._hmac.digest()).decode()}"
        return made
