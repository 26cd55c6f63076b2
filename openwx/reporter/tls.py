"""The trusted certificates of backends (``report.ca``, ``report.verify``), for the reporter and the poller."""

import ssl
from functools import lru_cache
from pathlib import Path

from openwx.errors import ConfigError


def trusted(ca: Path | None, *, verify: bool) -> ssl.SSLContext | bool:
    """Return aiohttp's ``ssl``: True for the system's authorities, False to trust any certificate.

    ``ca`` is a file of more certificates to trust. Raise ``ConfigError`` if it cannot be read any more.
    """
    if not verify:
        return False
    if ca is None:
        return True
    try:
        return _context(ca.read_text(encoding="ascii", errors="ignore"))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"ca {ca} cannot be used: {error}") from None


@lru_cache(maxsize=16)
def _context(certificates: str) -> ssl.SSLContext:
    """Trust the system's authorities and these. Accounts share a context: each costs 900 kB."""
    context = ssl.create_default_context()
    context.load_verify_locations(cadata=certificates)
    # A self-signed certificate is trusted as it is: it need not be an authority's, nor have all extensions of
    # RFC 5280, which Python requires from 3.13 on.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
