"""Verifies that a report comes from your gateway, by the signature of the Standard Webhooks specification.
``receiving`` calls it.
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping

TOLERANCE_S = 300.0
"""Largest difference between the timestamp and the clock, in seconds."""


class BadSignatureError(ValueError):
    """A report is not signed, is signed with another secret, or is too old. The text says which."""


def verify(
    secret: str, headers: Mapping[str, str], body: bytes, *, now: float | None = None
) -> None:
    """Raise ``BadSignatureError`` unless ``body`` was signed with the gateway's ``report.secret`` just now.

    ``headers`` are those of the request, whatever the case of their names. ``now`` is Unix time, the clock's unless
    given. For any web framework; ``Receiver`` does it by itself.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        webhook_id, timestamp = lower["webhook-id"], lower["webhook-timestamp"]
        signatures = lower["webhook-signature"].split()
    except KeyError as missing:
        raise BadSignatureError(f"the header {missing} is missing") from None
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise BadSignatureError("webhook-timestamp is no time")
    if abs((time.time() if now is None else now) - int(timestamp)) > TOLERANCE_S:
        raise BadSignatureError("webhook-timestamp is too far from now; is a clock wrong?")
    expected = _signature(secret, webhook_id, timestamp, body)
    presented = [one.removeprefix("v1,").encode() for one in signatures if one.startswith("v1,")]
    if not any(hmac.compare_digest(one, expected) for one in presented):
        raise BadSignatureError("webhook-signature was made with another secret")


def check_secret(secret: str) -> None:
    """Raise ``ValueError`` for a secret that cannot be one."""
    try:
        _key(secret)
    except binascii.Error:
        raise ValueError("secret must be base64 after whsec_, or any other text") from None


def _signature(secret: str, webhook_id: str, timestamp: str, body: bytes) -> bytes:
    signed = hmac.new(_key(secret), f"{webhook_id}.{timestamp}.".encode(), hashlib.sha256)
    signed.update(body)
    return base64.b64encode(signed.digest())


def _key(secret: str) -> bytes:
    if secret.startswith("whsec_"):
        return base64.b64decode(secret.removeprefix("whsec_"))
    return secret.encode()
