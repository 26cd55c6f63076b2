"""Turns addresses in texts of others into links, unless they lead to this gateway.

A click in the console counts as a call of the owner, so the gateway would execute a contact's link to its own API. Such
a link, however it is spelt, and every address that browsers might read differently, stays text.
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
_LONGEST_NAME = 1000
"""Characters of a host, which has 253 at most. The time to normalize combining marks grows with their square."""
_NAME = re.compile(r"[\w.-]+")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_BRACKETS = {")": "(", "]": "[", "}": "{", ">": "<"}

IsOurs = Callable[[str], bool]
"""A check whether a Host may be this gateway's."""


def host_of(url: str) -> str | None:
    """Return the host of a web address as browsers read it (WHATWG URL), numbers as an IP address.

    Return None for anything else, and if browsers might disagree.
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
    name = unquote(name)
    if len(name) > _LONGEST_NAME:
        return None
    name = unicodedata.normalize("NFKC", name).replace("。", ".").lower().rstrip(".")
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
    """Check whether an address may be a link: http(s) only, and not to this gateway."""
    host = host_of(url)
    return host is not None and not is_ours(f"[{host}]" if ":" in host else host)


def linked(text: str, is_ours: IsOurs) -> Markup:
    """Turn the addresses in a text into links, which open in a new tab without a referrer."""
    parts, at = [], 0
    for found in _IN_TEXT.finditer(text):
        shown = _without_punctuation(found[0])
        url = shown if "://" in shown else f"https://{shown}"
        if may_follow(url, is_ours):
            parts += [escape(text[at : found.start()]), link(url, shown)]
            at = found.start() + len(shown)
    return Markup("").join([*parts, escape(text[at:])])


def link(url: str, shown: str) -> Markup:
    """Make a link; ``Markup`` escapes its parts."""
    return Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>').format(
        url, shown
    )


def _without_punctuation(url: str) -> str:
    """Cut off what belongs to the sentence around an address: a comma, a bracket that it did not open."""
    unopened = {
        closing: url.count(closing) - url.count(opening) for closing, opening in _BRACKETS.items()
    }
    end = len(url)
    while end:
        last = url[end - 1]
        if unopened.get(last, 0) > 0:
            unopened[last] -= 1
        elif last not in ".,;:!?'\"…":
            break
        end -= 1
    return url[:end]
