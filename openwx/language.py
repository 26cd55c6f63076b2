"""Chooses the language of a page: the chosen one, else the browser's, else English.
The console and the page of ``confirm`` ask.
"""

from typing import Literal

from aiohttp import hdrs, web

Language = Literal["en", "zh"]
COOKIE = "openwx_language"
REMEMBERED_S = 365 * 86_400


def language_of(request: web.Request) -> Language:
    match request.cookies.get(COOKIE):
        case "en":
            return "en"
        case "zh":
            return "zh"
    return preferred(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))


def preferred(accept_language: str) -> Language:
    """Choose English or Chinese by the browser's preferences (RFC 9110, section 12.5.4)."""
    weighted: list[tuple[float, Language]] = []
    for part in accept_language.split(",")[:50]:
        tag, _, weight = part.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            quality = 0.0
        match tag.strip().lower().partition("-")[0]:
            case "zh":
                weighted.append((quality, "zh"))
            case "en":
                weighted.append((quality, "en"))
    best = max(weighted, key=lambda one: one[0], default=(0.0, "en"))
    return best[1] if best[0] > 0 else "en"
