"""Fetching what was received (protocol reference, section 5)."""

from openwx.wechat.http import MAIN, Call
from openwx.wechat.mediaref import MediaRef
from openwx.wechat.session import Session

SILENCE_S = 30.0
LONGEST_S = 1800.0


def fetch(session: Session, ref: MediaRef) -> Call[bytes]:
    """The call that brings a medium's bytes."""
    if ref.kind == "file":
        return _file(session, ref)
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
    is_video = name == "webwxgetvideo"
    return Call(
        name=name,
        path=MAIN + name,
        reply=bytes,
        query=query,
        headers={"Range": "bytes=0-"} if is_video else {},  # without it a video comes empty
        timeout_s=LONGEST_S,
        silence_s=SILENCE_S,
    )


def _file(session: Session, ref: MediaRef) -> Call[bytes]:
    name = "webwxgetmedia"
    query = {
        "sender": ref.sender,
        "mediaid": ref.media_id,
        "filename": ref.name,
        "fromuser": session.uin,
        "pass_ticket": session.pass_ticket,
        "webwx_data_ticket": session.data_ticket,
    }
    if ref.encry_file_name:
        query["encryfilename"] = ref.encry_file_name
    return Call(
        name=name,
        path=MAIN + name,
        role="file",
        reply=bytes,
        query=query,
        timeout_s=LONGEST_S,
        silence_s=SILENCE_S,
    )
