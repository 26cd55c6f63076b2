"""The cookies of one login, handled as a browser does (protocol reference, sections 1 and 2). ``Http`` keeps them.

aiohttp's jar stores them and selects those of a request. The header is written here, because aiohttp copies all of
them for each request, which takes a third as long as the rest of its work for one.
"""

import logging
from collections.abc import Iterable, Iterator
from http.cookies import CookieError, Morsel, SimpleCookie

import aiohttp
from yarl import URL

from openwx import metrics
from openwx.transports.web.session import Cookie

log = logging.getLogger("openwx.wechat")


class Cookies:
    """``relay`` is the one origin that stands for every host, if there is one."""

    def __init__(self, relay: URL | None) -> None:
        self._relay = relay
        # Their values hold `+`, `/` and `=`, and must go back unquoted; a relay may be an address.
        self._jar = aiohttp.CookieJar(unsafe=relay is not None, quote_cookie=False)

    def __iter__(self) -> Iterator[Cookie]:
        for morsel in self._jar:
            yield Cookie(morsel.key, morsel.value, morsel["domain"], morsel["path"] or "/")

    def restore(self, cookies: Iterable[Cookie], default_domain: str) -> None:
        """Replace all cookies by these."""
        self._jar.clear()
        for cookie in cookies:
            domain = cookie.domain if self._relay is None else ""
            try:
                url = self._relay or URL.build(scheme="https", host=domain or default_domain)
                self._jar.update_cookies([(cookie.name, _SavedMorsel(cookie, domain))], url)
            except (ValueError, CookieError):
                words = "a saved cookie cannot be used again; WeChat may ask for a new login"
                metrics.dropped(log, "saved_state", words)

    def take(self, given: SimpleCookie, url: URL) -> None:
        """Store the cookies of an answer from ``url``."""
        if self._relay is not None:
            # A relay passes on cookies for WeChat's domains; here they belong to the relay.
            for morsel in given.values():
                morsel["domain"] = morsel["secure"] = ""
        self._jar.update_cookies(given, self._relay or url)

    def header(self, url: URL) -> str:
        """Return the ``Cookie`` header for ``url``; empty where there are no cookies."""
        belonging = self._jar.filter_cookies(url).values()
        return "; ".join(f"{morsel.key}={morsel.coded_value}" for morsel in belonging)


class _SavedMorsel(Morsel[str]):
    """A saved cookie under any name: services use some that ``Morsel.set`` refuses."""

    def __init__(self, cookie: Cookie, domain: str) -> None:
        super().__init__()
        self._cookie = cookie
        self.update({"path": cookie.path, "domain": domain})

    def copy(self) -> "_SavedMorsel":
        morsel = _SavedMorsel(self._cookie, "")
        morsel.update(self)
        return morsel

    @property
    def key(self) -> str:
        return self._cookie.name

    @property
    def value(self) -> str:
        return self._cookie.value

    @property
    def coded_value(self) -> str:
        return self._cookie.value
