"""Reads the validity of a certificate by a handshake of the TLS library with itself. ``access`` asks."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

_NO_CHECK_TIME = 0x200000
"""``X509_V_FLAG_NO_CHECK_TIME``: the doctor reports wrong dates itself."""


class CertificateError(Exception):
    """The files are no certificate with its key; the text says why."""


def validity(cert: Path, key: Path) -> tuple[datetime, datetime]:
    """Return the begin and end of the validity. Raises ``CertificateError``."""
    try:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(cert, key, password=_no_password)
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.load_verify_locations(cert)
        client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags(_NO_CHECK_TIME)
        fields = _handshake(server, client)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "reason", None) or error.args[-1]
        raise CertificateError(str(reason).replace("_", " ").lower()) from None
    return _time(fields["notBefore"]), _time(fields["notAfter"])


def _no_password() -> str:
    raise ValueError("the key is encrypted; openwx cannot ask for its password")


def _time(text: object) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(text)), UTC)


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> dict[str, object]:
    """Shake hands, and return the server's certificate as the client sees it."""
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
    raise ValueError("the handshake did not complete")
