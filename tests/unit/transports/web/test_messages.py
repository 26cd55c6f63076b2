"""Any entry of whatever content becomes a message, or is passed over on purpose."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from openwx.domain.contacts import Friend, User
from openwx.domain.events import FriendRequested
from openwx.domain.messages import Message, Parties
from openwx.reporter import payload
from openwx.transports.web import wire
from openwx.transports.web.messages.registry import reader_of

PARTIES = Parties(chat=Friend(id="@a"), sender=Friend(id="@a"), receiver=User(id="@me"), mine=False)

MSG_TYPES = (1, 3, 34, 37, 42, 43, 47, 48, 49, 62, 9999, 10000, 10002, 12345)
APP_TYPES = (0, 5, 6, 8, 17, 19, 33, 36, 2000, 2001, 77)

some_json: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_PIECES = (
    *("<msg>", "</msg>", "<title>", "</title>", "<![CDATA[", "]]>", "&lt;", "&amp;", "<br/>", "\n"),
    *('<emoji md5="', '"', "<msgid>", "1", "字", "<!DOCTYPE a>", "@a:", " ", "<img", "/>"),
)
xml_ish = st.lists(st.sampled_from(_PIECES)).map("".join)


def read(entry: wire.Message) -> Message | FriendRequested:
    return reader_of(entry)(entry, entry.Content, PARTIES)


@given(
    msg_type=st.sampled_from(MSG_TYPES),
    app_type=st.sampled_from(APP_TYPES),
    content=st.text() | xml_ish,
    fields=st.dictionaries(
        st.sampled_from(
            [
                *("Url", "FileName", "FileSize", "MediaId", "RecommendInfo", "AppInfo"),
                *("HasProductId", "Ticket", "EncryFileName"),
            ]
        ),
        some_json,
    ),
)
def test_any_content_becomes_a_message(
    msg_type: int, app_type: int, content: str, fields: dict[str, Any]
) -> None:
    raw = {"MsgId": "7", "FromUserName": "@a", "ToUserName": "@me", "MsgType": msg_type}
    raw |= {"AppMsgType": app_type, "Content": content, "CreateTime": 1, **fields}
    entry = wire.read(msgspec.Raw(wire.encode(raw)), wire.Message)
    assert entry is not None
    message = read(entry)
    if isinstance(message, FriendRequested):
        assert message.ticket
        return
    report = payload.received(message, "uid")
    assert report["id"] == "7"
    assert msgspec.json.decode(msgspec.json.encode(report)) == report
    told_as = (str, int, list)  # a type, and a list of articles
    assert all(isinstance(value, told_as) for value in message.details().values())


def test_zero_stays_zero() -> None:
    message = read(wire.Message("1", "@a", "@me", 1, "0"))
    assert isinstance(message, Message)
    assert message.content == "0"
