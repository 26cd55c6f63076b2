"""Media: `getuploadurl`, and the CDN's `upload` and `download`. `service` routes to it."""

from __future__ import annotations

import asyncio
import hashlib
import re
from urllib.parse import quote

from aiohttp import web

from ...media import Medium
from ...samples import mime_of
from ...service.ranges import medium_response
from ..cipher import Encrypted, KeyMismatchError, cipher_size, decrypt
from ..model import UPLOAD_KINDS, Permission, Stored
from .base import NOT_ALLOWED, Handler, ILinkCall, RefusedError, answer, invalid

_HEX = re.compile(r"[0-9a-fA-F]{32}")
_NOT_VALID = -5102031
"""`x-error-code` of the CDN for content that is not what was announced."""


async def getuploadurl(call: ILinkCall) -> web.Response:
    """Permit the upload of one file for one person.

    Without `filekey` or `no_need_thumb` the answer has no URL; for a person who never wrote it is -1.
    """
    _, bot = call.bot()
    kind, size, cipher = (call.count(name) for name in ("media_type", "rawsize", "filesize"))
    if kind not in UPLOAD_KINDS:
        invalid()
    key, md5, to = call.text("aeskey"), call.text("rawfilemd5"), call.text("to_user_id")
    if not _HEX.fullmatch(key) or not _HEX.fullmatch(md5) or cipher != cipher_size(size):
        invalid()
    if to not in bot.windows or not 0 < cipher <= call.options.file_bytes:
        raise RefusedError(NOT_ALLOWED)
    filekey = str(call.body.get("filekey", ""))
    if not _HEX.fullmatch(filekey) or call.body.get("no_need_thumb") is not True:
        return answer(call.options)
    permission = Permission(
        bot.id, to, UPLOAD_KINDS[kind], filekey, size, md5.lower(), cipher, bytes.fromhex(key),
        call.registry.new_param(), call.registry.new_param(),
    )  # fmt: skip
    call.registry.allow(permission)
    fields = {"upload_param": permission.param, "thumb_upload_param": ""}
    if call.options.tells_upload_url:
        query = f"encrypted_query_param={quote(permission.url_param, safe='')}&filekey={filekey}"
        fields["upload_full_url"] = f"{call.call.origin}/c2c/upload?{query}"
    return answer(call.options, **fields)


async def upload(call: ILinkCall) -> web.Response:
    """Take the cipher text of a permitted upload. The answer's header has the parameter for the message.

    Whether it is what was announced is seen at once, but told where the message is sent.
    """
    query = call.call.query
    permission = call.registry.permissions.get(query.get("encrypted_query_param", ""))
    if permission is None or permission.filekey != query.get("filekey"):
        return cdn_refusal(400, _NOT_VALID, "param not valid")
    by_param = query["encrypted_query_param"] == permission.param
    if by_param and permission.cipher_size > call.options.param_bytes:
        return cdn_refusal(500, -1, "internal error")
    data = await _read(call.request, permission.cipher_size)
    if data is None:
        return cdn_refusal(400, _NOT_VALID, "content not valid")
    if permission.stored is None:
        permission.stored = await _store(call, permission, data)
        call.registry.uploads[permission.stored.param] = permission
    return web.Response(headers={"x-encrypted-param": permission.stored.param})


async def _read(request: web.Request, size: int) -> bytes | None:
    """Read a body of exactly this size; None for any other."""
    data = bytearray()
    async for piece in request.content.iter_any():
        data += piece
        if len(data) > size:
            return None
    return bytes(data) if len(data) == size else None


async def _store(call: ILinkCall, permission: Permission, data: bytes) -> Stored:
    key = permission.key
    try:
        plain = await asyncio.to_thread(decrypt, data, key)
    except KeyMismatchError:
        return call.registry.store(Medium(data), None, fits=False)
    md5 = (await asyncio.to_thread(hashlib.md5, plain, usedforsecurity=False)).hexdigest()
    fits = (len(plain), md5) == (permission.plain_size, permission.plain_md5)
    keeps = call.world.settings.keep_media
    medium = Medium(
        plain if keeps else None,
        size=len(plain),
        md5=md5,
        mime=mime_of(plain),
        kind=permission.kind,
    )
    return call.registry.store(medium, key, fits=fits)


async def download(call: ILinkCall) -> web.Response:
    """Answer cipher text, or what was stored without a key."""
    stored = call.registry.find_stored(call.call.query.get("encrypted_query_param", ""))
    if stored is None or not stored.medium.is_kept:
        return cdn_refusal(404, -5102019, "file not found")
    medium = stored.medium if stored.key is None else Encrypted(stored.medium, stored.key)
    return medium_response(medium, call.call.headers.get("Range", ""))


def cdn_refusal(status: int, code: int, words: str) -> web.Response:
    """Answer as the CDN does: its words are in headers."""
    headers = {"x-error-code": str(code), "x-error-message": words}
    return web.Response(status=status, headers=headers)


HANDLERS: dict[tuple[str, str], Handler] = {("POST", "getuploadurl"): getuploadurl}
CDN: dict[tuple[str, str], Handler] = {
    ("POST", "upload"): upload,
    ("GET", "download"): download,
}
"""The calls of the CDN. There is no other method: a PUT is answered with 404."""
