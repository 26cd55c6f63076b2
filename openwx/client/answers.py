"""What calls answer, as the gateway says it. Members that a newer gateway adds are ignored."""

from typing import Any

import msgspec

Uid = int | str
"""A lasting number, a name where WeChat tells a name, or ``""`` where it tells nothing."""


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    pass


class Person(_Answer, frozen=True, kw_only=True):
    """What the user, a friend and a member have in common. ``id`` lasts for one login, ``uid`` and the names last."""

    account: str = ""
    name: str = ""
    markname: str = ""
    sex: str = "none"
    display: str = ""
    city: str = ""
    signature: str = ""
    province: str = ""
    id: str
    uid: Uid = ""
    displayname: str = ""


class User(Person, frozen=True, kw_only=True):
    """The account itself."""


class Friend(Person, frozen=True, kw_only=True):
    """A friend, a public account or a system account: ``category`` says which (好友, 公众号, 系统帐号)."""

    category: str = ""


class Member(Person, frozen=True, kw_only=True):
    """Somebody in a group; ``display`` is the name that he goes by there."""


class GroupBasics(_Answer, frozen=True, kw_only=True):
    """A group without its members."""

    name: str = ""
    id: str
    uid: Uid = ""
    owner_uid: Uid = ""
    displayname: str = ""
    member_count: int = 0


class Group(_Answer, frozen=True, kw_only=True):
    """A group with its members."""

    name: str = ""
    id: str
    uid: Uid = ""
    owner_uid: Uid = ""
    displayname: str = ""
    member: tuple[Member, ...] = ()


class Image(msgspec.Struct, frozen=True):
    """A picture."""

    data: bytes
    content_type: str


class Done(_Answer, frozen=True, kw_only=True):
    """It is done."""

    status: str
    code: int


class MessageSent(_Answer, frozen=True, kw_only=True):
    """A message that WeChat took. Of text and medium together, ``msg_id`` and ``id`` are the text's.

    ``id`` is what ``revoke_message`` takes, ``media_id`` what can be sent again.
    """

    status: str
    msg_id: str
    id: str
    media_id: str = ""
    media_msg_id: str = ""
    code: int


class InExecution(_Answer, frozen=True, kw_only=True):
    """A message that will be sent, also after a crash. Its ``send_message`` upload carries the same ``uid``."""

    code: int
    status: str
    uid: str
    media_uid: str = ""


class SendingToAll(_Answer, frozen=True, kw_only=True):
    """Messages that will be sent, to each of ``count`` friends."""

    code: int
    status: str
    count: int


class MediaUploaded(_Answer, frozen=True, kw_only=True):
    """A medium that WeChat has now. ``media_mtime`` is Unix time, ``media_size`` is in bytes."""

    media_id: str
    media_code: int
    media_type: str
    media_ext: str
    media_mime: str
    media_mtime: int
    media_name: str
    media_path: str
    media_size: int
    code: int
    status: str


class MessageRevoked(_Answer, frozen=True, kw_only=True):
    """A message that its receiver does not see any more."""

    id: str
    code: int
    status: str


class Consulted(_Answer, frozen=True, kw_only=True):
    """A friend's answer; ``reply`` is None where none came in time. A medium has its ``media_path``."""

    reply: str | None
    reply_status: str = ""
    media_path: str = ""
    status: str
    msg_id: str
    code: int


class GroupCreated(_Answer, frozen=True, kw_only=True):
    """A group that is there now. ``left_out``: the ids of those who must agree to be friends first."""

    group_id: str
    left_out: tuple[str, ...] = ()
    status: str
    code: int


class Invited(_Answer, frozen=True, kw_only=True):
    """They are members, or where the group is big, they are asked to join. ``left_out``: as in ``GroupCreated``."""

    left_out: tuple[str, ...] = ()
    status: str
    code: int


class RequestAccepted(_Answer, frozen=True, kw_only=True):
    """Somebody is a friend now."""

    id: str
    displayname: str
    ticket: str
    status: str
    code: int


class ClientInfo(_Answer, frozen=True, kw_only=True):
    """One account and its process. ``starttime`` is Unix time, ``runtime`` is in seconds."""

    code: int
    account: str
    pid: int
    os: str
    version: str
    starttime: int
    runtime: int
    http_debug: str
    log_encoding: str | None
    log_path: str | None
    log_level: str
    state: str
    state_reason: str
    status: str


class ListedClient(ClientInfo, frozen=True, kw_only=True):
    """One account in the list of all."""

    port: int
    start_time: str
    download_media: str
    qrcode_path: str


class Clients(_Answer, frozen=True, kw_only=True):
    code: int
    status: str
    client: list[ListedClient]


class ClientStops(_Answer, frozen=True, kw_only=True):
    """An account that stops soon."""

    code: int
    account: str
    pid: int
    starttime: int
    runtime: int
    status: str


class ClientStarted(_Answer, frozen=True, kw_only=True):
    """An account that runs; ``status`` says whether it did so before."""

    client: str
    pid: int
    port: int
    code: int
    status: str


class Delivery(_Answer, frozen=True, kw_only=True):
    """A delivery to ``post_api`` that failed or waits. ``created``, ``failed`` and ``next_try`` are Unix times;
    ``failed`` is 0 where it waits, ``http_status`` where there was no answer. ``next_try`` is 0 where it failed, where
    others of its chat are before it, and while it is tried."""

    id: int
    webhook_id: str
    kind: str
    created: int
    failed: int
    tries: int
    http_status: int
    error: str
    next_try: int = 0


class Deliveries(_Answer, frozen=True, kw_only=True):
    deliveries: list[Delivery]
    code: int
    status: str


class DeliveryShown(_Answer, frozen=True, kw_only=True):
    """A delivery and the JSON that was to be uploaded."""

    delivery: Delivery
    upload: dict[str, Any]
    code: int
    status: str


class Count(_Answer, frozen=True, kw_only=True):
    count: int
    code: int
    status: str
