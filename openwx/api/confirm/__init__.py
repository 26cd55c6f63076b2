"""The page for a person who opened the address of a call: what it would do, and a button that does it.
``endpoints`` shows it.

Opening an address does nothing by itself (``intent.py``). The page replaces the call's answer, with the same 403.
"""

import re
from html import escape
from pathlib import Path

from aiohttp import hdrs, web

from openwx import assets
from openwx.api.answers import Answer
from openwx.api.confirm.words import BY_LANGUAGE, Words, sentence_of
from openwx.api.parameters import read_query
from openwx.api.routing import Route
from openwx.errors import Code
from openwx.language import preferred
from openwx.safetext import without_controls

FOLDER = Path(__file__).parent
PREFIX = "/confirm"
NOT_PASSED_ON = ("token", "callback", "datatype", "strict")
"""Parameters that say how to answer, or authenticate the caller."""

_CODE = re.compile(r"`([^`]+)`")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    hdrs.CACHE_CONTROL: "no-store",
}


def add_to(router: web.UrlDispatcher) -> None:
    """Serve the files that the page loads."""
    assets.add_to(router, PREFIX, FOLDER)


def page(row: Route, request: web.BaseRequest, *, needs_token: bool) -> Answer:
    """Render the page. Raises ``CallerError`` (-2) if the parameters in the address cannot be read."""
    language = preferred(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))
    words = BY_LANGUAGE[language]
    given = {n: v for n, v in read_query(request).texts.items() if n not in NOT_PASSED_ON}
    html = _template().format(
        language=language,
        prefix=PREFIX,
        not_passed_on=" ".join(NOT_PASSED_ON),
        route=escape(row.name),
        sentence=_CODE.sub(r"<code>\1</code>", escape(sentence_of(row, language))),
        parameters=_parameter_list(given, words),
        token=_token_field(words) if needs_token else "",
        foreign=_warning(request, words),
        **{name: escape(text) for name, text in words.items()},
    )
    return Answer(
        html.encode(),
        status=403,
        content_type="text/html; charset=utf-8",
        headers=dict(HEADERS),
        code=int(Code.FORBIDDEN),
    )


def _template() -> str:
    return (FOLDER / "confirm.html").read_text(encoding="utf-8")


def _parameter_list(given: dict[str, str], words: Words) -> str:
    if not given:
        return f"<p>{escape(words['no_parameters'])}</p>"
    rows = "".join(
        f"<dt>{escape(without_controls(name))}</dt><dd><bdi>{escape(without_controls(value))}</bdi></dd>"
        for name, value in given.items()
    )
    return f"<dl>{rows}</dl>"


def _token_field(words: Words) -> str:
    return (
        f'<p><label for="token">{escape(words["needs_token"])}</label>'
        '<input id="token" type="password" autocomplete="off"></p>'
    )


def _warning(request: web.BaseRequest, words: Words) -> str:
    site = request.headers.get("Sec-Fetch-Site", "none").strip().lower()
    if site in ("none", "same-origin"):
        return ""
    return f'<p class="warning">{escape(words["sent_here"])}</p>'
