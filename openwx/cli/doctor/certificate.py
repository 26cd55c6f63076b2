"""When a certificate of ours is valid: read by the TLS library itself, which shakes hands with itself for it."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

_NO_CHECK_TIME = 0x200000
"""``X509_V_FLAG_NO_CHECK_TIME``: what is wrong with the dates is told by us."""


class CertificateError(Exception):
    """The files are no certificate and its key; the words say why."""


def validity(cert: Path, key: Path) -> tuple[datetime, datetime]:
    """From when until when it is valid. Raises ``CertificateError``."""
    try:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(cert, key, password=_no_password)
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.load_verify_locations(cert)
        client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags(_NO_CHECK_TIME)
        told = _shake_hands(server, client)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "reason", None) or error.args[-1]
        raise CertificateError(str(reason).replace("_", " ").lower()) from None
    return _time(told["notBefore"]), _time(told["notAfter"])


def _no_password() -> str:
    raise ValueError("the key is encrypted, and nobody is there to give its password")


def _time(text: object) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(text)), UTC)


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> dict[str, object]:
    """What the client has learnt of the server's certificate."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(back, there)
    answering = server.wrap_bio(there, back, server_side=True)
    waiting = [asking, answering]
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(side)
        if asking not in waiting:
            return dict(asking.getpeercert() or {})
    raise ValueError("the handshake does not come to an end")
