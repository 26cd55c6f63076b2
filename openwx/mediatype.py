"""The header Content-Type, read in a time that grows with its length.

aiohttp asks the newer parser of the email package, which takes a tenth of a second for 8 KiB of parameters, and fails
on nested parentheses. Strangers choose this header, so the older parser reads it here, in a few milliseconds.
"""

from collections.abc import Mapping
from email.message import Message
from functools import lru_cache
from typing import NamedTuple

from aiohttp import hdrs

UNKNOWN = "application/octet-stream"


class MediaType(NamedTuple):
    """A type without parameters, in lower case, and the character set that is named beside it, as it is written."""

    name: str
    charset: str | None


def of_headers(headers: Mapping[str, str]) -> MediaType:
    """Return the type of a message with these headers."""
    return _read(headers.get(hdrs.CONTENT_TYPE, UNKNOWN))


@lru_cache(maxsize=64)
def _read(content_type: str) -> MediaType:
    parsed = parse(content_type)
    charset = parsed.get_param("charset")
    return MediaType(parsed.get_content_type(), charset if isinstance(charset, str) else None)


def parse(content_type: str) -> Message:
    """Return a Content-Type, to be asked for its type and parameters."""
    message = Message()
    message["Content-Type"] = content_type.encode("ascii", "replace").decode()
    return message
