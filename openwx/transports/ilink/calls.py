"""Builds the calls of a bot, for ``Http`` to send: for its login, its messages and its media."""

import random
import time
from collections.abc import Mapping
from typing import Any, Literal

from yarl import URL

from openwx.transports.ilink import wire
from openwx.transports.ilink.http import BASE_INFO, Call
from openwx.transports.ilink.session import Session

MOST_TOKENS = 10
TEXT, IMAGE, VOICE, FILE, VIDEO = 1, 2, 3, 4, 5
"""The ``type`` of an item."""
FROM_BOT = 2
"""The ``message_type`` of what a bot sends."""
FINISHED = 2


def fetch_code(origin: URL, tokens: list[str]) -> Call[wire.CodeReply]:
    """Ask for a login code. ``tokens`` are those of former logins, the newest first."""
    return Call(
        name="get_bot_qrcode",
        path="get_bot_qrcode",
        reply=wire.CodeReply,
        origin=origin,
        query={"bot_type": "3"},
        body={"local_token_list": tokens[:MOST_TOKENS]},
    )


def login_status(
    origin: URL, code: str, digits: str | None, timeout_s: float
) -> Call[wire.StatusReply]:
    """Ask what became of a login code. ``digits`` are those that the phone shows, if it asked for them."""
    query = {"qrcode": code} | ({"verify_code": digits} if digits is not None else {})
    return Call(
        name="get_qrcode_status",
        path="get_qrcode_status",
        reply=wire.StatusReply,
        origin=origin,
        query=query,
        timeout_s=timeout_s,
    )


def notify(
    session: Session, what: Literal["notifystart", "notifystop"], timeout_s: float
) -> Call[wire.Reply]:
    """Tell the service that the client is on, or off."""
    return _of(session, what, f"msg/{what}", wire.Reply, {}, timeout_s)


def get_updates(session: Session, cursor: str, timeout_s: float) -> Call[wire.UpdatesReply]:
    """Poll for messages. The cursor acknowledges all that came with it."""
    body = {"get_updates_buf": cursor}
    return _of(session, "getupdates", "getupdates", wire.UpdatesReply, body, timeout_s)


def send(
    session: Session, to: str, context_token: str, item: Mapping[str, Any]
) -> Call[wire.SendReply]:
    """Send one item: more are refused."""
    message = {
        "from_user_id": "",
        "to_user_id": to,
        "client_id": f"openwx:{time.time_ns() // 1_000_000}-{random.getrandbits(32):08x}",
        "message_type": FROM_BOT,
        "message_state": FINISHED,
        "item_list": [item],
    }
    if context_token:
        message["context_token"] = context_token
    return _of(session, "sendmessage", "sendmessage", wire.SendReply, {"msg": message})


def get_upload_url(session: Session, permit: Mapping[str, Any]) -> Call[wire.UploadReply]:
    """Ask for the permission to upload."""
    return _of(session, "getuploadurl", "getuploadurl", wire.UploadReply, permit)


def _of(
    session: Session,
    name: str,
    path: str,
    reply: type[wire.R],
    body: Mapping[str, Any],
    timeout_s: float | None = None,
) -> Call[wire.R]:
    return Call(
        name=name,
        path=path,
        reply=reply,
        origin=session.url,
        body={**body, "base_info": BASE_INFO},
        token=session.token,
        timeout_s=timeout_s,
    )
