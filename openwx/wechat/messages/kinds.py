"""Which class reads an entry."""

from openwx.wechat import wire
from openwx.wechat.messages import app, media, plain, sysmsg
from openwx.wechat.messages.base import Message

STATUS_NOTIFY = 51
APP = 49
IGNORED_TYPES = frozenset({40, 50, 52, 53, STATUS_NOTIFY})
"""Possible friends, calls and status notifies: shown to nobody, as in every client."""


_ALL: list[type[Message]] = [
    kind
    for module in (plain, media, app)
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
    kind = _KINDS.get(entry.MsgType, plain.Unknown)
    if kind is plain.Recall and not plain.Recall.claims(entry.Content):
        return plain.Notice if sysmsg.is_one(entry.Content) else plain.Unknown
    return kind
