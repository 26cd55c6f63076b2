"""A person at the console, without a browser: pages, forms, cookies."""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.patience import until_seen


@dataclass
class Page:
    """What came for an address."""

    status: int
    body: bytes
    headers: dict[str, str]
    url: str
    """Where it came from, after redirects."""

    @property
    def html(self) -> str:
        return self.body.decode()

    @property
    def text(self) -> str:
        """What a person reads, in one line."""
        shown = re.sub(
            r"<[^>]*>", " ", re.sub(r"<(head|svg)\b.*?</\1>", " ", self.html, flags=re.DOTALL)
        )
        return " ".join(html.unescape(shown).split())

    @property
    def form_key(self) -> str:
        return html.unescape(re.search(r'name="form_key" value="([^"]*)"', self.html)[1])  # type: ignore[index]

    def values(self, name: str) -> list[str]:
        """Return the values of the hidden fields of that name."""
        return [
            html.unescape(value)
            for value in re.findall(rf'name="{name}" value="([^"]*)"', self.html)
        ]

    def links(self) -> list[str]:
        return [
            html.unescape(link)
            for link in re.findall(r'(?:href|src|action|hx-get)="([^"]*)"', self.html)
        ]


class Visitor:
    """Keeps cookies as a browser does. ``language`` is what the browser prefers."""

    def __init__(self, url: str, language: str = "en") -> None:
        self.url = url
        self.jar = aiohttp.CookieJar(unsafe=True)
        self.http = aiohttp.ClientSession(
            cookie_jar=self.jar, headers={"Accept-Language": language}
        )
        self.here: Page | None = None

    async def open(self, path: str, **request: Any) -> Page:
        """Follow a link; redirects are followed too."""
        self.here = await self.ask("GET", path, **request)
        return self.here

    async def ask(self, method: str, path: str, **request: Any) -> Page:
        async with self.http.request(method, self.url + path, **request) as answer:
            return Page(answer.status, await answer.read(), dict(answer.headers), str(answer.url))

    async def until(self, path: str, words: str) -> Page:
        """Open a page again and again until it says this."""
        return await until_seen(lambda: self.open(path), lambda page: words in page.text)

    async def submits(self, path: str, /, **fields: str) -> Page:
        """Send a form of the page that is open."""
        assert self.here is not None
        return await self.ask("POST", path, data={"form_key": self.here.form_key, **fields})

    async def logs_in(self, token: str) -> Page:
        await self.open("/console/login")
        return await self.submits("/console/login", token=token, next="/console")


Comes = Callable[..., Visitor]
"""Makes a visitor of a gateway, whose browser prefers a language."""
