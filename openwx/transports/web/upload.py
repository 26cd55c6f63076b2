"""Calls that upload media (protocol reference, section 6)."""

import time

import msgspec

from openwx.domain.media import Kind
from openwx.transports.web import wire
from openwx.transports.web.http import MAIN, Call, Part
from openwx.transports.web.ids import new_client_media_id
from openwx.transports.web.session import Session

CHUNK = 512 * 1024
UNCHECKED = 25 * 1024 * 1024
"""In bytes. WeChat requires a check before larger uploads."""
LARGEST_PICTURE = 20 * 1024 * 1024
"""In bytes. Larger images and videos are accepted as files only."""


class Medium(msgspec.Struct, frozen=True, kw_only=True):
    """A file to send: ``path`` of its bytes, hexadecimal ``md5``, and the ``kind`` that decides how it is sent."""

    kind: Kind
    path: str
    name: str
    size: int
    mime: str
    ext: str
    md5: str
    mtime: int
    fingerprint: str = ""
    """Identifies the judged file where others could change it."""

    @property
    def chunks(self) -> int:
        return -(-self.size // CHUNK)

    @property
    def media_type(self) -> str:
        """WeChat's word for the kind."""
        return {"image": "pic", "video": "video"}.get(self.kind, "doc")


class Permit(msgspec.Struct, frozen=True):
    """The answer of ``webwxcheckupload`` for a large file."""

    aes_key: str = ""
    signature: str = ""


def kind_of(mime: str, size: int) -> Kind:
    """Return the kind as which WeChat accepts a file of this type: GIFs are stickers, and what it cannot show is a
    file."""
    if mime == "image/gif":
        return "emoticon"
    if size <= LARGEST_PICTURE:
        if mime in ("image/jpeg", "image/png", "image/bmp", "image/x-ms-bmp"):
            return "image"
        if mime in ("video/mp4", "video/x-m4v"):
            return "video"
    return "file"


def check(session: Session, own_id: str, to: str, medium: Medium) -> Call[wire.CheckUploadReply]:
    """Ask whether a large file may be uploaded, and whether WeChat already has it."""
    return Call(
        name="webwxcheckupload",
        path=MAIN + "webwxcheckupload",
        method="POST",
        reply=wire.CheckUploadReply,
        query={"lang": "zh_CN", "pass_ticket": session.pass_ticket},
        body={
            "BaseRequest": session.base_request(),
            "FileMd5": medium.md5,
            "FileName": medium.name,
            "FileSize": medium.size,
            "FileType": 7,
            "FromUserName": own_id,
            "ToUserName": to,
        },
    )


class Upload:
    """One upload. Every chunk carries the same fields; the answer to the last has the ``MediaId``."""

    def __init__(
        self, session: Session, own_id: str, to: str, medium: Medium, permit: Permit | None = None
    ) -> None:
        self._session = session
        self._medium = medium
        request = {
            "UploadType": 2,
            "BaseRequest": session.base_request(),
            "ClientMediaId": new_client_media_id(),
            "TotalLen": medium.size,
            "StartPos": 0,
            "DataLen": medium.size,
            "MediaType": 4,
            "FromUserName": own_id,
            "ToUserName": to,
            "FileMd5": medium.md5,
        }
        if permit is not None:
            request |= {"AESKey": permit.aes_key, "Signature": permit.signature}
        self._form = {
            "id": "WU_FILE_0",
            "name": medium.name,
            "type": medium.mime,
            "lastModifiedDate": _date(medium.mtime),
            "size": str(medium.size),
            "mediatype": medium.media_type,
            "uploadmediarequest": wire.encode(request).decode(),
            "webwx_data_ticket": session.data_ticket,
            "pass_ticket": session.pass_ticket,
        }

    def chunk(self, number: int, data: bytes) -> Call[wire.UploadReply]:
        """Return the call for one chunk. Safe to repeat."""
        form = dict(self._form)
        if self._medium.chunks > 1:
            form |= {"chunks": str(self._medium.chunks), "chunk": str(number)}
        name = self._medium.name
        return Call(
            name="webwxuploadmedia",
            path=MAIN + "webwxuploadmedia",
            role="file",
            method="POST",
            reply=wire.UploadReply,
            query={"f": "json"},
            form=form,
            part=Part("filename", name, self._medium.mime, data),
            timeout_s=120.0,
        )


def _date(seconds: int) -> str:
    """Format a date as browsers do; the service ignores it."""
    return time.strftime("%a %b %d %Y %H:%M:%S GMT+0000 (UTC)", time.gmtime(seconds))
