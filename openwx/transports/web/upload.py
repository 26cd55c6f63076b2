"""Calls that upload media (protocol reference, section 6). ``Transfer`` sends them."""

import time

import msgspec

from openwx.domain.media import Kind, LocalMedia
from openwx.transports.web import wire
from openwx.transports.web.http import MAIN, Call, Part, post
from openwx.transports.web.ids import new_client_media_id
from openwx.transports.web.session import Session

CHUNK = 512 * 1024
UNCHECKED = 25 * 1024 * 1024
"""Size in bytes. WeChat requires a check before larger uploads."""


class Permit(msgspec.Struct, frozen=True):
    """The answer of ``webwxcheckupload`` for a large file."""

    aes_key: str = ""
    signature: str = ""


def chunks_of(media: LocalMedia) -> int:
    """Return the number of chunks of an upload."""
    return -(-media.size // CHUNK)


def check(session: Session, own_id: str, to: str, media: LocalMedia) -> Call[wire.CheckUploadReply]:
    """Ask whether a large file may be uploaded, and whether WeChat already has it."""
    body = {
        "FileMd5": media.md5,
        "FileName": media.name,
        "FileSize": media.size,
        "FileType": 7,
        "FromUserName": own_id,
        "ToUserName": to,
    }
    return post(session, "webwxcheckupload", wire.CheckUploadReply, body)


class Upload:
    """One upload. Every chunk carries the same fields; the answer to the last has the ``MediaId``."""

    def __init__(
        self,
        session: Session,
        own_id: str,
        to: str,
        media: LocalMedia,
        permit: Permit | None = None,
    ) -> None:
        self._session = session
        self._media = media
        request = {
            "UploadType": 2,
            "BaseRequest": session.base_request(),
            "ClientMediaId": new_client_media_id(),
            "TotalLen": media.size,
            "StartPos": 0,
            "DataLen": media.size,
            "MediaType": 4,
            "FromUserName": own_id,
            "ToUserName": to,
            "FileMd5": media.md5,
        }
        if permit is not None:
            request |= {"AESKey": permit.aes_key, "Signature": permit.signature}
        self._form = {
            "id": "WU_FILE_0",
            "name": media.name,
            "type": media.mime,
            "lastModifiedDate": _date(media.mtime),
            "size": str(media.size),
            "mediatype": _media_type(media.kind),
            "uploadmediarequest": wire.encode(request).decode(),
            "webwx_data_ticket": session.data_ticket,
            "pass_ticket": session.pass_ticket,
        }

    def chunk(self, number: int, data: bytes) -> Call[wire.UploadReply]:
        """Return the call for one chunk. Safe to repeat."""
        form = dict(self._form)
        if (chunks := chunks_of(self._media)) > 1:
            form |= {"chunks": str(chunks), "chunk": str(number)}
        name = self._media.name
        return Call(
            name="webwxuploadmedia",
            path=MAIN + "webwxuploadmedia",
            role="file",
            method="POST",
            reply=wire.UploadReply,
            query={"f": "json"},
            form=form,
            part=Part("filename", name, self._media.mime, data),
            timeout_s=120.0,
        )


def _media_type(kind: Kind) -> str:
    """Return WeChat's word for a kind of media."""
    return {"image": "pic", "video": "video"}.get(kind, "doc")


def _date(seconds: int) -> str:
    """Format a date as browsers do; the service ignores it."""
    return time.strftime("%a %b %d %Y %H:%M:%S GMT+0000 (UTC)", time.gmtime(seconds))
