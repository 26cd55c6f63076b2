"""In which language a page speaks: the one that was chosen, else the browser's, else English."""

from typing import Literal

from aiohttp import hdrs, web

from openwx.console.chinese import CHINESE

Language = Literal["en", "zh"]
COOKIE = "openwx_language"
REMEMBERED_S = 365 * 86_400


ENGLISH = {
    "好友": "friend",
    "公众号": "public account",
    "系统帐号": "system account",
    "receive_message": "Message received",
    "send_message": "Message sent",
    "state init": "starting",
    "state loading": "connecting",
    "state scaning": "waiting for a scan",
    "state confirming": "waiting for a confirmation",
    "state updating": "loading",
    "state running": "running",
    "state stop": "stopped",
}
"""What is no English sentence by itself: the contract's own words."""


def language_of(request: web.Request) -> Language:
    match request.cookies.get(COOKIE):
        case "en":
            return "en"
        case "zh":
            return "zh"
    return preferred(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))


def preferred(accept_language: str) -> Language:
    """The better liked of the two (RFC 9110, section 12.5.4)."""
    liked: list[tuple[float, Language]] = []
    for part in accept_language.split(",")[:50]:
        tag, _, weight = part.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            quality = 0.0
        match tag.strip().lower().partition("-")[0]:
            case "zh":
                liked.append((quality, "zh"))
            case "en":
                liked.append((quality, "en"))
    best = max(liked, key=lambda one: one[0], default=(0.0, "en"))
    return best[1] if best[0] > 0 else "en"


def translate(language: Language, english: str, **values: object) -> str:
    """A sentence of the console in this language, with ``values`` in its braces."""
    text = (CHINESE if language == "zh" else ENGLISH).get(english, english)
    return text.format(**values) if values else text
