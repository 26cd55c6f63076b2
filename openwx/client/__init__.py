"""For programs that use an openwx gateway: a typed client, and the other end of ``post_api``.

::

    async with Client("http://127.0.0.1:3000") as wx:
        await wx.send_friend_message("hi", displayname="小灰")

``Client`` calls the API, ``receiver`` makes an aiohttp handler for reports, ``decode`` and ``verify`` do its two
halves for any other web framework. Nothing of the gateway is imported.
"""

from typing import TYPE_CHECKING

from openwx.client.answers import (
    Budget,
    ClientInfo,
    ClientStarted,
    ClientStops,
    CodeAccepted,
    Consulted,
    Delivery,
    DeliveryShown,
    Friend,
    Group,
    GroupBasics,
    GroupCreated,
    Image,
    InExecution,
    Invited,
    ListedClient,
    MediaUploaded,
    Member,
    MessageRevoked,
    MessageSent,
    Person,
    RequestAccepted,
    SendingToAll,
    User,
)
from openwx.client.chats import HistoryPage
from openwx.client.client import Client
from openwx.client.errors import (
    Ambiguous,
    BadParameter,
    CallFailed,
    EmptyList,
    Forbidden,
    GaveUp,
    KeyReused,
    MediaFailed,
    NoRoute,
    NotConnected,
    NotFound,
    NotOpenwx,
    NotPossible,
    NotRunning,
    NotSupported,
    OutcomeUnknown,
    QueueFull,
    Refusal,
    RefusedByWeChat,
    Unauthenticated,
    WeChatUnreachable,
)
from openwx.client.events import Event
from openwx.client.following import Happened
from openwx.client.media import Medium
from openwx.client.messages import (
    AppMessage,
    Article,
    CardMessage,
    LocationMessage,
    MediaMessage,
    Mention,
    Message,
    NoticeMessage,
    PaymentMessage,
    Quote,
    RevokeMessage,
    TextMessage,
    UnknownMessage,
)
from openwx.client.signature import BadSignatureError, verify
from openwx.client.stream import Events
from openwx.client.uploads import NotAnUploadError, Reply, Upload, decode

if TYPE_CHECKING:
    from openwx.client.receiving import Receiver, receiver

__all__ = [
    "Ambiguous",
    "AppMessage",
    "Article",
    "BadParameter",
    "BadSignatureError",
    "Budget",
    "CallFailed",
    "CardMessage",
    "Client",
    "ClientInfo",
    "ClientStarted",
    "ClientStops",
    "CodeAccepted",
    "Consulted",
    "Delivery",
    "DeliveryShown",
    "EmptyList",
    "Event",
    "Events",
    "Forbidden",
    "Friend",
    "GaveUp",
    "Group",
    "GroupBasics",
    "GroupCreated",
    "Happened",
    "HistoryPage",
    "Image",
    "InExecution",
    "Invited",
    "KeyReused",
    "ListedClient",
    "LocationMessage",
    "MediaFailed",
    "MediaMessage",
    "MediaUploaded",
    "Medium",
    "Member",
    "Mention",
    "Message",
    "MessageRevoked",
    "MessageSent",
    "NoRoute",
    "NotAnUploadError",
    "NotConnected",
    "NotFound",
    "NotOpenwx",
    "NotPossible",
    "NotRunning",
    "NotSupported",
    "NoticeMessage",
    "OutcomeUnknown",
    "PaymentMessage",
    "Person",
    "QueueFull",
    "Quote",
    "Receiver",
    "Refusal",
    "RefusedByWeChat",
    "Reply",
    "RequestAccepted",
    "RevokeMessage",
    "SendingToAll",
    "TextMessage",
    "Unauthenticated",
    "UnknownMessage",
    "Upload",
    "User",
    "WeChatUnreachable",
    "decode",
    "receiver",
    "verify",
]


def __getattr__(name: str) -> object:
    """Import the half for servers when it is used: programs that only call need not wait for ``aiohttp.web``."""
    if name not in ("Receiver", "receiver"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from openwx.client import receiving

    return getattr(receiving, name)
