"""Links in what others wrote: only to places that are not this gateway.

A click on a page of the console counts as the owner's own call, so a contact's link to the gateway's API would be done
by the gateway, however its address is spelt. Such a link, and whatever a browser may read otherwise than this does, is
shown as text.
"""

import re
import socket
import unicodedata
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import unquote

from markupsafe import Markup, escape

_IN_TEXT = re.compile(
    r"\b(?:https?://|www\.)[^\s，。！？；：、“”‘’（）【】《》「」]+", re.IGNORECASE
)
_WEB = re.compile(r"https?:/*([^/?#]*)", re.IGNORECASE)
_NAME = re.compile(r"[\w.-]+")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_BRACKETS = {")": "(", "]": "[", "}": "{", ">": "<"}

IsOurs = Callable[[str], bool]
"""Whether a Host may be this gateway's."""


def host_of(url: str) -> str | None:
    """The host of a web address as browsers read it (WHATWG URL), numbers as an IP address.

    None for what is no web address, or none that is certain to be read so.
    """
    text = re.sub(r"[\t\n\r]", "", url.strip()).replace("\\", "/")
    found = _WEB.match(text)
    if found is None:
        return None
    host = found[1].rpartition("@")[2]
    if host.startswith("["):
        inner, bracket, port = host[1:].partition("]")
        return _address(inner) if bracket and re.fullmatch(r"(:[0-9]*)?", port) else None
    name, colon, port = host.partition(":")
    if colon and not re.fullmatch("[0-9]*", port):
        return None
    name = unicodedata.normalize("NFKC", unquote(name)).replace("。", ".").lower().rstrip(".")
    if not _NAME.fullmatch(name):
        return None
    if not _NUMBER.fullmatch(name.rpartition(".")[2]):
        return name
    try:
        return socket.inet_ntoa(socket.inet_aton(name))  # 127.1, 0x7f000001, 0177.0.0.1, 2130706433
    except OSError:
        return None


def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def may_follow(url: str, is_ours: IsOurs) -> bool:
    """Whether it may stand in a link: ``javascript:`` and its like may not, nor what leads to this gateway."""
    host = host_of(url)
    return host is not None and not is_ours(f"[{host}]" if ":" in host else host)


def linked(text: str, is_ours: IsOurs) -> Markup:
    """A text with the addresses in it as links, which open apart and tell nothing of this page."""
    parts, at = [], 0
    for found in _IN_TEXT.finditer(text):
        shown = _without_the_sentence(found[0])
        url = shown if "://" in shown else f"https://{shown}"
        if may_follow(url, is_ours):
            parts += [escape(text[at : found.start()]), link(url, shown)]
            at = found.start() + len(shown)
    return Markup("").join([*parts, escape(text[at:])])


def link(url: str, shown: str) -> Markup:
    """An address as a link; ``Markup`` escapes what is put into it."""
    return Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>').format(
        url, shown
    )


def _without_the_sentence(url: str) -> str:
    """What stands behind an address belongs to the sentence: a comma, a bracket that it did not open."""
    while url:
        last = url[-1]
        closes = last in _BRACKETS and url.count(_BRACKETS[last]) < url.count(last)
        if not closes and last not in ".,;:!?'\"…":
            break
        url = url[:-1]
    return url
