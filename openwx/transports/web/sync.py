"""Calls that fetch contacts and messages after a login (protocol reference, sections 3 and 4).
``WebClient`` and the loader send them.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from openwx.domain.send_ids import new_send_id
from openwx.errors import BadResponse, refused
from openwx.transports.web import wire
from openwx.transports.web.clock import inverted_ms, now_ms
from openwx.transports.web.http import MAIN, Call, post
from openwx.transports.web.session import Session, device_id
from openwx.transports.web.xmltext import unescaped

BATCH = 50
"""The most entries of one ``webwxbatchgetcontact``."""

_CHECK = re.compile(
    rb'window\.synccheck\s*=\s*\{\s*retcode\s*:\s*"(-?\d{1,9})"\s*,\s*selector\s*:\s*"(-?\d{1,9})"\s*\}'
)
_PAIRS = re.compile(r"<username>(.*?)</username>", re.DOTALL)
_NEWLINE = re.compile(r"<br\s*/?>", re.IGNORECASE)


def init(session: Session) -> Call[wire.InitReply]:
    return post(session, "webwxinit", wire.InitReply, {}, r=inverted_ms())


def status_notify(session: Session, own_id: str) -> Call[wire.Reply]:
    """Notify the phone that the web client is online. WeChat then sends the pairing of ids and Uins."""
    return _notify(session, 3, own_id, own_id)


def mark_read(session: Session, own_id: str, chat_id: str) -> Call[wire.Reply]:
    """Tell the phone that a chat is read. Safe to repeat."""
    return _notify(session, 1, own_id, chat_id)


def _notify(session: Session, code: int, own_id: str, to: str) -> Call[wire.Reply]:
    body = {
        "Code": code,
        "FromUserName": own_id,
        "ToUserName": to,
        "ClientMsgId": new_send_id(),
    }
    return post(session, "webwxstatusnotify", wire.Reply, body)


def get_contact(session: Session, seq: int) -> Call[wire.ContactReply]:
    """Fetch one page of contacts; ``seq`` is 0, then the ``Seq`` of the page before."""
    return Call(
        name="webwxgetcontact",
        path=MAIN + "webwxgetcontact",
        reply=wire.ContactReply,
        query={
            "r": now_ms(),
            "seq": seq,
            "skey": session.skey,
            "lang": "zh_CN",
            "pass_ticket": session.pass_ticket,
        },
        timeout_s=120.0,
    )


def batch_get_contact(
    session: Session, ids: Iterable[str]
) -> Iterator[Call[wire.BatchContactReply]]:
    """Return the calls that fetch the records of these ids, groups with their members."""
    left = iter(ids)
    while entries := [{"UserName": id, "EncryChatRoomId": ""} for id in islice(left, BATCH)]:
        yield Call(
            name="webwxbatchgetcontact",
            path=MAIN + "webwxbatchgetcontact",
            method="POST",
            reply=wire.BatchContactReply,
            query={"type": "ex", "r": now_ms(), "pass_ticket": session.pass_ticket},
            body={
                "BaseRequest": session.base_request(),
                "Count": len(entries),
                "List": entries,
            },
            timeout_s=120.0,
        )


def check(session: Session, counter: int, timeout_s: float) -> Call[bytes]:
    """Poll for news; the service holds the request. ``read_check`` reads its answer."""
    return Call(
        name="synccheck",
        path=MAIN + "synccheck",
        role="push",
        reply=bytes,
        query={
            "r": now_ms(),
            "skey": session.skey,
            "sid": session.sid,
            "uin": session.uin,
            "deviceid": device_id(),
            "synckey": str(session.sync_check_key or session.sync_key),
            "_": counter,
        },
        timeout_s=timeout_s,
    )


def read_check(answer: bytes) -> bool:
    """Return whether there is something to fetch: any selector but 0.

    Raises the class of ``Rejected`` that the retcode belongs to.
    """
    found = _CHECK.search(answer)
    if found is None:
        raise BadResponse("synccheck", "the answer has no retcode and selector")
    retcode, selector = int(found[1]), int(found[2])
    if retcode != 0:
        raise refused("synccheck", retcode)
    return selector != 0


def sync(session: Session) -> Call[wire.SyncReply]:
    """Fetch what is new since ``session.sync_key``, which acknowledges everything before."""
    body = {"SyncKey": session.sync_key.to_wire(), "rr": inverted_ms()}
    return post(session, "webwxsync", wire.SyncReply, body, sid=session.sid, skey=session.skey)


def log_out(session: Session) -> Call[bytes]:
    return Call(
        name="webwxlogout",
        path=MAIN + "webwxlogout",
        method="POST",
        reply=bytes,
        query={"redirect": 1, "type": 1, "skey": session.skey},
        form={"sid": session.sid, "uin": session.uin},
    )


def pairing(notify: wire.Message) -> dict[str, int | str]:
    """Return ids and their lasting numbers from the status notify after a login (section 3, ``Uin``).

    Where the two lists differ in length, nothing is certain and nothing is paired.
    """
    found = _PAIRS.search(unescaped(notify.Content))
    if found is None:
        return {}
    ids, numbers = map(_listed, (notify.StatusNotifyUserName, found[1]))
    if len(ids) != len(numbers):
        return {}
    pairs = zip(ids, map(wire.lasting, numbers), strict=True)
    return {id: uid for id, uid in pairs if id and uid != ""}


def _listed(joined: str) -> list[str]:
    """Split a list of names, ignoring newlines around them."""
    names = _NEWLINE.sub("\n", joined).strip().removesuffix(",").split(",")
    return [name.strip() for name in names]


def split_ids(joined: str) -> list[str]:
    return [id for id in joined.split(",") if id]
