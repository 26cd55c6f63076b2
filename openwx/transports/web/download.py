"""Calls that download received media (protocol reference, section 5). ``Transfer`` sends them."""

from collections.abc import Mapping

from aiohttp import hdrs

from openwx.domain.media import MediaRef
from openwx.transports.web.http import MAIN, Call
from openwx.transports.web.session import Session

SILENCE_S = 30.0
LONGEST_S = 1800.0
_PATIENCE_S = 120.0
_SLOWEST = 16 * 1024
"""The slowest accepted download, in bytes per second."""
MOST_PIECES = 1000
"""The most parts of one download. A host that splits further never completes one."""
LONGEST_NAME = 255
LONGEST_ENCRY_NAME = 2000
"""Length in characters. Servers limit the length of URLs, and the MediaId identifies the file without it."""


def longest_s(ref: MediaRef) -> float:
    """Return the longest time for a download, in seconds, by its size where that is known. The rest of its chat waits
    for it."""
    if not ref.sizes:
        return LONGEST_S
    return min(LONGEST_S, _PATIENCE_S + max(ref.sizes) / _SLOWEST)


def fetch(session: Session, ref: MediaRef, begin: int = 0) -> Call[bytes]:
    """Return the call that downloads media from byte ``begin`` on."""
    # Without a Range header, the body of a video is empty.
    ranged = begin > 0 or ref.kind in ("video", "microvideo")
    headers: dict[str, str] = {hdrs.RANGE: f"bytes={begin}-"} if ranged else {}
    if ref.kind == "file":
        return _file(session, ref, headers)
    name, id_name = {
        "image": ("webwxgetmsgimg", "MsgID"),
        "emoticon": ("webwxgetmsgimg", "MsgID"),
        "voice": ("webwxgetvoice", "msgid"),
        "video": ("webwxgetvideo", "msgid"),
        "microvideo": ("webwxgetvideo", "msgid"),
    }[ref.kind]
    query = {id_name: ref.msg_id, "skey": session.skey}
    if ref.kind == "emoticon":
        query["type"] = "big"
    return Call(
        name=name,
        path=MAIN + name,
        reply=bytes,
        query=query,
        headers=headers,
        timeout_s=LONGEST_S,
        silence_s=SILENCE_S,
    )


def _file(session: Session, ref: MediaRef, headers: Mapping[str, str]) -> Call[bytes]:
    name = "webwxgetmedia"
    query = {
        "sender": ref.sender,
        "mediaid": ref.media_id,
        "filename": ref.name[:LONGEST_NAME],
        "fromuser": session.uin,
        "pass_ticket": session.pass_ticket,
        "webwx_data_ticket": session.data_ticket,
    }
    if 0 < len(ref.encry_file_name) <= LONGEST_ENCRY_NAME:
        query["encryfilename"] = ref.encry_file_name
    return Call(
        name=name,
        path=MAIN + name,
        role="file",
        reply=bytes,
        query=query,
        headers=headers,
        timeout_s=LONGEST_S,
        silence_s=SILENCE_S,
    )
