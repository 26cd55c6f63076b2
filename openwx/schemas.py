"""The JSON of the API's answers: routes encode these types, and ``openwx.client`` decodes them. And the size of a text.

This module imports nothing of the server. The docstrings are descriptions in ``/openapi.json``.
"""

import sys
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from openwx import __version__

MAX_CONTENT = 16 * 1024
"""The size of a text that is sent, in bytes of UTF-8: about what WeChat takes in one."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """It is done."""

    status: str = "success"
    code: int = 0


class MessageSent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message that WeChat accepted. For text and media together, ``msg_id`` and ``id`` are those of the text.

    ``id`` is what ``revoke_message`` takes, ``media_id`` what can be sent again.
    """

    status: str
    msg_id: str
    id: str
    media_id: str = ""
    media_msg_id: str = ""
    code: int


class InExecution(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message that will be sent, also after a crash; its `send_message` report has the same `uid`.

    For text and media together, the report of the media has ``media_uid``. ``waits_for`` is there while WeChat takes
    nothing for this person, and says what must happen first.
    """

    code: int
    status: str
    uid: str
    media_uid: str = ""
    waits_for: str = ""


class SendingToAll(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that will be sent, to each of ``count`` friends."""

    code: int = 0
    status: str = "request already in execution"
    count: int


class MediaUploaded(msgspec.Struct, frozen=True, kw_only=True):
    """Media that WeChat has now. ``media_mtime`` is Unix time, ``media_size`` is in bytes."""

    media_id: str
    media_code: int
    media_type: str
    media_ext: str
    media_mime: str
    media_mtime: int
    media_name: str
    media_path: str
    media_size: int
    code: int = 0
    status: str = "success"


class MessageRevoked(msgspec.Struct, frozen=True, kw_only=True):
    """A message that its receiver does not see any more."""

    id: str
    code: int = 0
    status: str = "revoke success"


class Consulted(msgspec.Struct, frozen=True, kw_only=True):
    """A friend's answer; None and a ``reply_status`` where none came in time. For media, ``media_path`` is set."""

    reply: str | None
    reply_status: str | UnsetType = UNSET
    media_path: str | UnsetType = UNSET
    status: str
    msg_id: str
    code: int


class GroupCreated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A new group. ``left_out``: the ids of those who must agree to be friends first."""

    group_id: str
    left_out: tuple[str, ...] = ()
    status: str
    code: int


class Invited(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """They are members, or if the group is big, they are asked to join. ``left_out``: as in ``GroupCreated``."""

    left_out: tuple[str, ...] = ()
    status: str
    code: int


class RequestAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """A friend request that was accepted."""

    id: str
    displayname: str
    ticket: str
    status: str = "success"
    code: int = 0


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Stored messages, oldest first, each as its report. With ``before``, the next call gets older ones.

    ``before`` is null where there are no older ones. ``messages`` may be empty while it is a number: a call searches a
    bounded number of messages for the words.
    """

    code: int = 0
    messages: list[msgspec.Raw]
    before: int | None


class Refreshed(msgspec.Struct, frozen=True, kw_only=True):
    """Contacts that were fetched anew. ``changed`` is the number of differences, each of which is an event."""

    code: int = 0
    status: str = "success"
    changed: int


class ClientInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One account and its process, in the original's words. ``starttime`` is Unix time, ``runtime`` is in seconds.

    ``transport`` says how it reaches WeChat, ``capabilities`` what it can do that way; ``reason_code`` is
    ``state_reason`` for programs. An older gateway leaves these out. ``node`` is there where several nodes share the
    accounts: the name of the one that runs it, empty while none does. Of an account on another node, ``pid``,
    ``starttime`` and ``runtime`` are 0.
    """

    code: int = 0
    account: str
    pid: int
    os: str = sys.platform
    version: str = __version__
    starttime: int
    runtime: int
    http_debug: str = "0"
    log_encoding: str | None = None
    log_path: str | None
    log_level: str
    state: str
    state_reason: str
    reason_code: str = ""
    transport: str = "web"
    capabilities: tuple[str, ...] = ()
    node: str | UnsetType = UNSET
    status: str = "success"


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """How many messages may still be sent to the friend ``id``, and ``until`` when (Unix time)."""

    id: str
    sends_left: int
    until: int


class ListedClient(ClientInfo, frozen=True, kw_only=True):
    """One account in the list of ``check_client``. ``start_time`` is ``starttime`` in the original's spelling.

    ``budget`` is there only where the transport bounds what may be sent before a person writes again.
    """

    port: int
    start_time: str
    download_media: str
    qrcode_path: str
    budget: tuple[Budget, ...] | UnsetType = UNSET


class Clients(msgspec.Struct, frozen=True, kw_only=True):
    code: int = 0
    status: str = "success"
    client: list[ListedClient]


class CodeAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """The digits were right, and the login goes on."""

    right: bool = True
    status: str = "success"
    code: int = 0


class ClientStops(msgspec.Struct, frozen=True, kw_only=True):
    """An account that stops soon. ``node`` is there where several nodes share the accounts: the one that runs it."""

    code: int = 0
    account: str
    pid: int
    starttime: int
    runtime: int
    node: str | UnsetType = UNSET
    status: str


class ClientStarted(msgspec.Struct, frozen=True, kw_only=True):
    """An account that runs; ``status`` says whether it ran before.

    ``state`` and ``node`` are there where several nodes share the accounts: how far it is, and the node that runs it,
    empty if none has taken it yet.
    """

    client: str
    pid: int
    port: int
    state: str | UnsetType = UNSET
    node: str | UnsetType = UNSET
    code: int = 0
    status: str = "success"


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that failed or waits. ``created``, ``failed`` and ``next_try`` are Unix times.

    ``id`` is that of the report, ``target`` the name of the backend: a report has a delivery for each. ``failed`` is 0
    while it waits, ``http_status`` if there was no answer. ``tries`` counts the attempts so far; ``http_status`` and
    ``error`` are those of the last one, ``error`` in English, ``error_code`` as a code for programs; it is empty where
    a former version gave up the delivery. ``next_try`` is 0 if it failed, while an attempt is under way, and while an
    earlier delivery of the same chat is pending.
    """

    id: int
    webhook_id: str
    kind: str
    created: int
    failed: int
    tries: int
    http_status: int
    error: str
    next_try: int = 0
    target: str = "post_api"
    error_code: str = ""


class Deliveries(msgspec.Struct, frozen=True, kw_only=True):
    deliveries: list[Delivery]
    code: int = 0
    status: str = "success"


class DeliveryShown(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery and the JSON that is POSTed."""

    delivery: Delivery
    upload: Any
    code: int = 0
    status: str = "success"


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """The number of deliveries that were changed."""

    count: int
    code: int = 0
    status: str = "success"
