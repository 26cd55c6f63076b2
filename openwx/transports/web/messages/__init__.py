"""Messages: one class a kind, made from WeChat's entries (protocol reference, section 5).

Adding a kind is adding a class to one of the modules here: its ``msg_types`` (and ``app_types``) claim entries,
``from_wire`` reads one, and ``members`` are what its upload tells besides what every upload tells. An entry of a kind
that nobody claims becomes ``Unknown`` with its raw content, and is never lost.
"""

from openwx.transports.web.messages.app import App, LiveLocation, Payment, RedPacket
from openwx.transports.web.messages.base import (
    Message,
    Parties,
    chat_id,
    parties_in_group,
    split_sender,
)
from openwx.transports.web.messages.media import MediaMessage
from openwx.transports.web.messages.registry import IGNORED_TYPES, STATUS_NOTIFY, kind_of
from openwx.transports.web.messages.text import (
    Card,
    FriendRequest,
    Location,
    Notice,
    Recall,
    Text,
    Unknown,
)

__all__ = [
    "IGNORED_TYPES",
    "STATUS_NOTIFY",
    "App",
    "Card",
    "FriendRequest",
    "LiveLocation",
    "Location",
    "MediaMessage",
    "Message",
    "Notice",
    "Parties",
    "Payment",
    "Recall",
    "RedPacket",
    "Text",
    "Unknown",
    "chat_id",
    "kind_of",
    "parties_in_group",
    "split_sender",
]
