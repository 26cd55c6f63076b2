"""Accepts request heads that aiohttp refuses: raw Chinese text in the first line, and no Host from this machine.
``connection`` passes each head through it.
"""

import re

_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_HTTP_1_1 = b" HTTP/1.1\r\n"
_END = b"\r\n\r\n"
_HOST_OR_BROWSER = re.compile(
    rb"\r\n(?:host|origin|referer|cookie|purpose|sec-[a-z-]+|upgrade-insecure-requests)[ \t]*:",
    re.IGNORECASE,
)


class LenientHead:
    """Rewrites the heads of one connection before they are parsed.

    In its first request line, which is all that ``curl`` needs, raw bytes are percent-encoded. A head without Host gets
    ``host``, the address of this server, unless it comes from a browser or ``host`` is empty.
    """

    def __init__(self) -> None:
        self.host = b""
        self._held = b""
        """The beginning of a head that may lack a Host."""
        self._in_first_line = True
        self.is_complete = False
        """Whether the end of the head was seen in one piece: what follows is not looked at."""

    def feed(self, data: bytes) -> bytes:
        """Return what the parser gets instead of ``data``; empty while more of the head is needed."""
        if self.is_complete:
            return data
        second = data.find(b"\r\n") + 2
        if self._held or data[second : second + 5].lower() != b"host:":
            data = self._with_host(data)
        if self._in_first_line and data:
            data = self._percent_encoded(data)
        self.is_complete = _END in data.lstrip(b"\r\n")  # parsers skip what stands before
        return data

    def _percent_encoded(self, data: bytes) -> bytes:
        line, end, rest = data.partition(b"\n")
        self._in_first_line = not end
        if line.isascii():
            return data
        return _BEYOND_ASCII.sub(lambda byte: b"%%%02X" % ord(byte[0]), line) + end + rest

    def _with_host(self, data: bytes) -> bytes:
        data, self._held = self._held + data, b""
        line, end, _ = data.partition(b"\r\n")
        if not (line + end).endswith(_HTTP_1_1) or not self.host:
            return data
        head, is_complete, _ = data.partition(_END)
        if _HOST_OR_BROWSER.search(head + is_complete):
            return data
        if is_complete:
            return line + end + b"Host: " + self.host + data[len(line) :]
        self._held = data
        return b""
