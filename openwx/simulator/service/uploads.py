"""Uploads in chunks, and the check before big ones (reference, 6). `service` routes to it."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from ..calls import Call
from ..media import Upload
from ..state import Account, World
from ..wire.contents import url_quoted
from .base import Handler, RefusedError, answer, caller, json_answer

CHUNK = 512 * 2**10
LIMITS = {"pic": 20 * 2**20, "video": 20 * 2**20, "doc": None}
UNCHECKED_LIMIT = 25 * 2**20
"""Larger files need a webwxcheckupload first."""


async def webwxuploadmedia(world: World, call: Call) -> web.Response:
    """Take one chunk, and answer the MediaId to the last one. Browsers send OPTIONS first."""
    response = answer("") if call.method == "OPTIONS" else _take_chunk(world, call)
    response.headers["Access-Control-Allow-Origin"] = call.headers.get("Origin", "*")
    response.headers["Access-Control-Allow-Credentials"] = "true"
    response.headers["Access-Control-Allow-Methods"] = "POST, OPTIONS"
    return response


def _take_chunk(world: World, call: Call) -> web.Response:
    form, part = call.body, call.part
    request = _json(form.get("uploadmediarequest"))
    base = request.get("BaseRequest")
    if not isinstance(base, dict) or not base.get("Sid"):
        raise RefusedError(1101)
    account, session = caller(world, call, base, str(form.get("webwx_data_ticket", "")))
    if part is None or request.get("FromUserName") != session.id_of(account.owner):
        raise RefusedError(1)
    to = str(request.get("ToUserName") or "")
    if to != "filehelper" and session.find(to) is None:
        raise RefusedError(1)
    kind, total = str(form.get("mediatype")), _number(request.get("TotalLen"))
    number, chunks = _number(form.get("chunk", 0)), _number(form.get("chunks", 1))
    md5 = str(request.get("FileMd5") or "").lower()
    _check_size(account, kind, total, md5, request)
    if _number(form.get("size", total)) != total or not 0 <= number < chunks:
        raise RefusedError(1)
    if len(part.data) > CHUNK or not part.data or chunks < -(-total // CHUNK):
        raise RefusedError(1)

    key = str(request.get("ClientMediaId") or f"{md5} {total}")
    upload = account.uploads.get(key)
    if upload is None:
        keeps = world.settings.keep_media
        name, mime = str(form.get("name") or part.name), str(form.get("type") or "")
        upload = account.uploads[key] = Upload(kind, name, mime, total, md5, keeps=keeps)
    if (upload.md5, upload.total) != (md5, total):
        raise RefusedError(1)  # two files with one ClientMediaId
    try:
        upload.add(number, part.data)
    except ValueError:
        raise RefusedError(1) from None
    if number == chunks - 1 and not upload.media_id:
        _finish(account, key, upload)
    side = 100 if kind == "pic" else 0
    return json_answer(
        MediaId=upload.media_id if number == chunks - 1 else "", StartPos=upload.received,
        CDNThumbImgHeight=side, CDNThumbImgWidth=side, EncryFileName=url_quoted(upload.name),
    )  # fmt: skip


def _check_size(account: Account, kind: str, total: int, md5: str, request: dict[str, Any]) -> None:
    if kind not in LIMITS or total <= 0 or total > (LIMITS[kind] or total):
        raise RefusedError(1)
    if total > UNCHECKED_LIMIT:
        checked = account.checked_uploads.get((md5, total))
        if checked is None or checked != (request.get("AESKey"), request.get("Signature")):
            raise RefusedError(1)


def _finish(account: Account, key: str, upload: Upload) -> None:
    """Store a complete upload. One of another size or MD5 than stated is refused and forgotten."""
    try:
        medium = upload.finish(account.ids.new_media_id())
    except ValueError:
        del account.uploads[key]
        raise RefusedError(1) from None
    account.media[medium.media_id] = medium
    account.pulse.notify()


async def webwxcheckupload(world: World, call: Call) -> web.Response:
    """Before a large file: answer its MediaId if it is known, and the credentials of its upload."""
    account, _ = caller(world, call)
    md5, size = str(call.body.get("FileMd5") or "").lower(), _number(call.body.get("FileSize"))
    if not md5 or size <= 0:
        raise RefusedError(1)
    if (md5, size) not in account.checked_uploads:
        account.checked_uploads[md5, size] = (account.ids.secret(32), account.ids.secret(128))
    aes_key, signature = account.checked_uploads[md5, size]
    known = account.known_file(md5, size)
    return json_answer(
        MediaId=known.media_id if known else "", AESKey=aes_key, Signature=signature,
        EncryFileName=url_quoted(str(call.body.get("FileName") or "")),
    )  # fmt: skip


def _json(text: Any) -> dict[str, Any]:
    try:
        parsed = json.loads(str(text))
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise RefusedError(1) from None


HANDLERS: dict[str, Handler] = {
    "webwxuploadmedia": webwxuploadmedia,
    "webwxcheckupload": webwxcheckupload,
}
