"""Which certificates of backends are trusted: ``report.ca`` and ``report.verify``."""

import ssl
from functools import lru_cache

from openwx.config import ReportSettings
from openwx.errors import ConfigError


def trusted(settings: ReportSettings) -> ssl.SSLContext | bool:
    """What aiohttp takes as ``ssl``: True is the system's authorities, False trusts any certificate.

    Raises ``ConfigError`` where the file that the configuration named cannot be read any more.
    """
    if not settings.verify:
        return False
    if settings.ca is None:
        return True
    try:
        return _context(settings.ca.read_text(encoding="ascii", errors="ignore"))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"report.ca {settings.ca} cannot be used: {error}") from None


@lru_cache(maxsize=16)
def _context(certificates: str) -> ssl.SSLContext:
    """The system's authorities and these. One for all accounts: each costs 900 kB."""
    context = ssl.create_default_context()
    context.load_verify_locations(cadata=certificates)
    # A certificate that somebody made by hand is trusted as it is: it need not be an authority's, nor have
    # all the extensions of RFC 5280, which Python asks for from 3.13 on.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
