"""The headers of an upload, as the Standard Webhooks specification has them."""

import base64
import hashlib
import hmac

from openwx import __version__


def key_of(secret: str) -> bytes:
    """The key that a secret stands for: base64 after ``whsec_``, or the text itself."""
    if secret.startswith("whsec_"):
        return base64.b64decode(secret.removeprefix("whsec_"))
    return secret.encode()


def headers(webhook_id: str, timestamp_s: int, body: bytes, key: bytes | None) -> dict[str, str]:
    """What goes with ``body``; signed where there is a key."""
    made = {
        "Content-Type": "application/json",
        "User-Agent": f"openwx/{__version__}",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp_s),
    }
    if key is not None:
        signed = b"%s.%d.%s" % (webhook_id.encode(), timestamp_s, body)
        digest = hmac.digest(key, signed, hashlib.sha256)
        made["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return made
