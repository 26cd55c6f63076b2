"""From an HTTP request to a `Call`."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from .call import Call, Part, parse_body

_SAID = re.compile(r"""[; ](name|filename)\*?=(?:"([^"]*)"|([^;"\s]+))""")
"""What Content-Disposition says of a part."""


async def read_call(request: web.Request) -> Call:
    """The call that a request is, whatever host it was meant for."""
    parts = request.path.strip("/").split("/")
    if parts[:2] == ["cgi-bin", "mmwebwx-bin"]:
        name, tail = "/".join(parts[2:]), ""
    else:
        name, tail = parts[0], "/".join(parts[1:])
    raw, part = b"", None
    body: dict[str, Any]
    if request.content_type == "multipart/form-data":
        body, part = _parse_form(await request.read(), request.headers["Content-Type"])
    else:
        raw = await request.read()
        body = parse_body(raw, request.content_type)
    return Call(
        name=name, method=request.method, query=dict(request.query), raw=raw, body=body,
        cookies=_cookies(request.headers.get("Cookie", "")), part=part,
        headers=request.headers.copy(), origin=f"{request.scheme}://{request.host}", tail=tail,
    )  # fmt: skip


def _parse_form(raw: bytes, content_type: str) -> tuple[dict[str, Any], Part | None]:
    """The fields, and the part that has a file name; a broken form is one without fields.

    By hand, since the form is small and at hand as a whole, and aiohttp's reader is for streams.
    """
    boundary = re.search(r'boundary="?([^";,]+)', content_type)
    fields: dict[str, Any] = {}
    part: Part | None = None
    if boundary is None:
        return fields, part
    delimiter = b"\r\n--" + boundary[1].encode()
    for piece in (b"\r\n" + raw).split(delimiter)[1:-1]:
        head, separator, data = piece.partition(b"\r\n\r\n")
        found = _SAID.findall(head.decode("utf-8", "replace"))
        said = {name: quoted or bare for name, quoted, bare in found}
        if not separator or "name" not in said:
            return {}, None
        if "filename" in said:
            part = Part(said["filename"], data)
        else:
            fields[said["name"]] = data.decode("utf-8", "replace")
    return fields, part


def _cookies(header: str) -> dict[str, str]:
    """The cookies to the letter.

    A client that puts quotes around a value (aiohttp's jar does, unless told `quote_cookie=False`)
    sends another one than was set, as a browser never would.
    """
    pairs = (pair.strip().partition("=") for pair in header.split(";"))
    return {name: value for name, _, value in pairs if name}
