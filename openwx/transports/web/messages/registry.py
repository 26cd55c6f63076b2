"""Which class reads an entry."""

from openwx.transports.web import wire
from openwx.transports.web.messages import app, media, sysmsg, text
from openwx.transports.web.messages.base import Message

STATUS_NOTIFY = 51
APP = 49
IGNORED_TYPES = frozenset({40, 50, 52, 53, STATUS_NOTIFY})
"""Possible friends, calls and status notifies: shown to nobody, as in every client."""


_ALL: list[type[Message]] = [
    kind
    for module in (text, media, app)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Message)
]
_KINDS = {number: kind for kind in _ALL for number in kind.__dict__.get("msg_types", ())}
_APPS = {number: kind for kind in _ALL for number in kind.__dict__.get("app_types", ())}

FORMATS = tuple(sorted({kind.format for kind in _ALL}))
"""What an upload's ``format`` can be."""


def kind_of(entry: wire.Message) -> type[Message]:
    """The class that claims an entry; ``Unknown`` where none does.

    System messages in the shape of recalls that take nothing back are notices.
    """
    if entry.MsgType == APP and entry.AppMsgType in _APPS:
        return _APPS[entry.AppMsgType]
    kind = _KINDS.get(entry.MsgType, text.Unknown)
    if kind is text.Recall and not text.Recall.claims(entry.Content):
        return text.Notice if sysmsg.is_one(entry.Content) else text.Unknown
    return kind
