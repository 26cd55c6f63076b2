"""Which reader reads an entry of ``AddMsgList``. ``SyncParser`` asks."""

from collections.abc import Callable

from openwx.domain.events import FriendRequested
from openwx.domain.messages import Message, Parties
from openwx.transports.web import wire
from openwx.transports.web.messages import app, media, quotes, sysmsg, text

STATUS_NOTIFY = 51
IGNORED_TYPES = frozenset({40, 50, 52, 53, STATUS_NOTIFY})
"""MsgTypes of possible friends, calls and status notifies, which no client shows."""

Reader = Callable[[wire.Message, str, Parties], Message | FriendRequested]
"""Reads an entry; the text is its content without the sender that a group's messages begin with."""

RECALL, APP = 10002, 49
_READERS: dict[int, Reader] = {
    1: text.read_text,
    3: media.read_image,
    34: media.read_voice,
    37: text.read_friend_request,
    42: text.read_card,
    43: media.read_video,
    47: media.read_sticker,
    48: text.read_location,
    APP: app.read_app,
    media.SHORT_VIDEO: media.read_video,
    9999: text.read_notice,
    10000: text.read_notice,
}
_APP_READERS: dict[int, Reader] = {
    6: media.read_file,
    8: media.read_sticker,
    17: app.read_live_location,
    57: quotes.read_quote,
    2000: app.read_transfer,
    2001: app.read_red_packet,
}
"""The readers, by AppMsgType."""


def reader_of(entry: wire.Message) -> Reader:
    """Return the reader that claims an entry: ``read_unknown`` where none does.

    System messages in the shape of recalls that take nothing back are notices.
    """
    if entry.MsgType == APP and entry.AppMsgType in _APP_READERS:
        return _APP_READERS[entry.AppMsgType]
    if entry.MsgType == RECALL:
        if text.is_recall(entry.Content):
            return text.read_recall
        return text.read_notice if sysmsg.is_one(entry.Content) else text.read_unknown
    return _READERS.get(entry.MsgType, text.read_unknown)
