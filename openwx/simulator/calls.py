"""The requests of a web client: `server` reads them, handlers answer them, the world records them for tests."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

_DISPOSITION = re.compile(r"""[; ](name|filename)\*?=(?:"([^"]*)"|([^;"\s]+))""")


@dataclass(slots=True, eq=False)
class Part:
    """The file in a multipart form."""

    name: str
    data: bytes


@dataclass(slots=True, eq=False)
class Call:
    """One request of a client."""

    name: str
    method: str
    query: dict[str, str]
    body: dict[str, Any]
    """Parsed JSON, or the fields of a form."""
    raw: bytes = field(repr=False)
    """As it came; empty for a multipart form."""
    cookies: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    origin: str
    """The origin by which the client reached this service, from its Host header."""
    tail: str = ""
    """The rest of the path after the name (`qrcode/<uuid>`)."""
    time: float = field(default_factory=time.time)
    fault: str = ""
    """The fault that struck it."""
    part: Part | None = None
    """The file of a multipart form; removed after the answer, since calls are recorded."""

    @property
    def base(self) -> dict[str, Any]:
        base = self.body.get("BaseRequest")
        return base if isinstance(base, dict) else {}

    def stored(self) -> dict[str, Any]:
        r"""Return the body as the service stores texts: escapes such as `\u4f60` and `\/` stay."""
        literal = re.sub(
            rb"\\(.)", lambda m: b"\\" + m[0] if m[1] in b"u/" else m[0], self.raw, flags=re.DOTALL
        )
        return parse_body(literal, "application/json")


async def read_call(request: web.Request) -> Call:
    """Read a call, for whatever host."""
    parts = request.path.strip("/").split("/")
    if parts[:2] == ["cgi-bin", "mmwebwx-bin"]:
        name, tail = "/".join(parts[2:]), ""
    else:
        name, tail = parts[0], "/".join(parts[1:])
    raw, part = await request.read(), None
    if request.content_type == "multipart/form-data":
        body, part = _parse_form(raw, request.headers["Content-Type"])
        raw = b""
    else:
        body = parse_body(raw, request.content_type)
    return Call(
        name=name, method=request.method, query=dict(request.query), raw=raw, body=body,
        cookies=_cookies(request.headers.get("Cookie", "")), part=part,
        headers=request.headers.copy(), origin=f"{request.scheme}://{request.host}", tail=tail,
    )  # fmt: skip


def parse_body(raw: bytes, content_type: str) -> dict[str, Any]:
    """Parse a JSON object whatever its Content-Type says, else a form."""
    text = raw.decode("utf-8", "replace").strip()
    if text.startswith("{"):
        try:
            parsed = json.loads(text)
        except ValueError:
            return {}
        return parsed if isinstance(parsed, dict) else {}
    if "json" in content_type or not text:
        return {}
    return dict(parse_qsl(text, keep_blank_values=True))


def _parse_form(raw: bytes, content_type: str) -> tuple[dict[str, Any], Part | None]:
    """Parse the fields, and the part with a file name; a broken form has no fields.

    By hand, since the form is small and complete, and aiohttp's reader is for streams.
    """
    boundary = re.search(r'boundary="?([^";,]+)', content_type)
    fields: dict[str, Any] = {}
    part: Part | None = None
    if boundary is None:
        return fields, part
    delimiter = b"\r\n--" + boundary[1].encode()
    for piece in (b"\r\n" + raw).split(delimiter)[1:-1]:
        head, separator, data = piece.partition(b"\r\n\r\n")
        found = _DISPOSITION.findall(head.decode("utf-8", "replace"))
        disposition = {name: quoted or bare for name, quoted, bare in found}
        if not separator or "name" not in disposition:
            return {}, None
        if "filename" in disposition:
            part = Part(disposition["filename"], data)
        else:
            fields[disposition["name"]] = data.decode("utf-8", "replace")
    return fields, part


def _cookies(header: str) -> dict[str, str]:
    """Parse cookies to the letter.

    A client that puts quotes around a value (aiohttp's jar does, unless `quote_cookie=False`)
    sends another value than was set. No browser does.
    """
    pairs = (pair.strip().partition("=") for pair in header.split(";"))
    return {name: value for name, _, value in pairs if name}
