"""Uploads in chunks, and the check before big ones (reference, 6)."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .call import Call, Handler, RefusedError, answer, json_answer, session_of
from .kinds import url_quoted
from .media import Medium
from .samples import mime_of

if TYPE_CHECKING:
    from .outgoing import Outgoing
    from .world import World

CHUNK = 512 * 2**10
LIMITS = {"pic": 20 * 2**20, "video": 20 * 2**20, "doc": None}
UNCHECKED_LIMIT = 25 * 2**20
"""Bigger files need a webwxcheckupload first."""


class Upload:
    """A file on its way up, chunk by chunk; a chunk that comes again changes nothing."""

    def __init__(
        self, kind: str, name: str, mime: str, total: int, md5: str, *, keeps: bool
    ) -> None:
        self.md5 = md5
        """As the client says it; wechat4u says none."""
        self.kind = kind
        self.name = name
        self.mime = mime
        self.total = total
        self.received = 0
        self.next_chunk = 0
        self.media_id = ""
        """Once it is complete."""
        self._data = bytearray() if keeps else None
        self._digest = hashlib.md5(usedforsecurity=False)
        self._head = b""

    def take(self, number: int, data: bytes) -> None:
        """The next chunk; one that was taken before is passed over, a later one refused."""
        if number < self.next_chunk:
            return
        if number > self.next_chunk or self.received + len(data) > self.total:
            raise RefusedError(1)
        self._head = self._head or data[:16]
        self._digest.update(data)
        if self._data is not None:
            self._data += data
        self.received += len(data)
        self.next_chunk += 1

    def finish(self, media_id: str) -> Medium:
        """The medium that it makes; what was held for it here is let go."""
        data = None if self._data is None else bytes(self._data)
        self._data, self.media_id = None, media_id
        return Medium(
            data, size=self.received, md5=self._digest.hexdigest(), name=self.name,
            mime=self.mime or mime_of(self._head), kind=self.kind, media_id=media_id,
        )  # fmt: skip


async def webwxuploadmedia(world: World, call: Call) -> web.Response:
    """One chunk; the last one's answer brings the MediaId. Browsers ask by OPTIONS first."""
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
    session = session_of(world, call, base, str(form.get("webwx_data_ticket", "")))
    account = session.account
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
    upload.take(number, part.data)
    if number == chunks - 1 and not upload.media_id:
        _finish(account, key, upload)
    side = 100 if kind == "pic" else 0
    return json_answer(
        MediaId=upload.media_id if number == chunks - 1 else "", StartPos=upload.received,
        CDNThumbImgHeight=side, CDNThumbImgWidth=side, EncryFileName=url_quoted(upload.name),
    )  # fmt: skip


def _check_size(
    account: Outgoing, kind: str, total: int, md5: str, request: dict[str, Any]
) -> None:
    if kind not in LIMITS or total <= 0 or total > (LIMITS[kind] or total):
        raise RefusedError(1)
    if total > UNCHECKED_LIMIT:
        checked = account.checked_uploads.get((md5, total))
        if checked is None or checked != (request.get("AESKey"), request.get("Signature")):
            raise RefusedError(1)


def _finish(account: Outgoing, key: str, upload: Upload) -> None:
    """All chunks are here: a file of another size or MD5 than was said is refused, and forgotten."""
    medium = upload.finish(account.new_media_id())
    if medium.size != upload.total or (upload.md5 and medium.md5 != upload.md5):
        del account.uploads[key]
        raise RefusedError(1)
    account.media[medium.media_id] = medium
    account.pulse.beat()


async def webwxcheckupload(world: World, call: Call) -> web.Response:
    """Before a big file: its MediaId if it is there already, and what its upload must show."""
    account = session_of(world, call).account
    md5, size = str(call.body.get("FileMd5") or "").lower(), _number(call.body.get("FileSize"))
    if not md5 or size <= 0:
        raise RefusedError(1)
    if (md5, size) not in account.checked_uploads:
        account.checked_uploads[md5, size] = (account.secret(32), account.secret(128))
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


CALLS: dict[str, Handler] = {
    "webwxuploadmedia": webwxuploadmedia,
    "webwxcheckupload": webwxcheckupload,
}
