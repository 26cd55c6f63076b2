"""The calls of the web service, one handler each. `server` finds it by the name of the call."""

from . import contacts, downloads, friends, groups, login, sends, sync, uploads
from .base import Handler

HANDLERS: dict[str, Handler] = {
    **login.HANDLERS, **contacts.HANDLERS, **sync.HANDLERS, **sends.HANDLERS, **uploads.HANDLERS,
    **downloads.HANDLERS, **friends.HANDLERS, **groups.HANDLERS,
}  # fmt: skip
"""The handler of every call, by its last path segment."""
