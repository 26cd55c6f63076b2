"""WeChat's JSON in WeChat's own spelling, read leniently (protocol reference, sections 3 to 6).

Unknown fields are ignored, and whatever openwx can live without has a default. Lists of records are kept raw
and read one by one, so that one that is broken cannot take its neighbours with it.
"""

import json
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from openwx.errors import ProtocolError
from openwx.wechat.session import SyncKey

Text = str | UnsetType
Number = int | UnsetType


class BaseResponse(Struct):
    Ret: int
    ErrMsg: str | None = ""


class Reply(Struct):
    """Any answer; ``Ret`` other than 0 is a refusal."""

    BaseResponse: BaseResponse


class KeyVal(Struct):
    Key: int
    Val: int


class Keys(Struct):
    Count: int = 0
    List: list[KeyVal] | None = None

    def read(self) -> SyncKey:
        """Empty where ``Count`` is 0, which means: keep the old one."""
        if not self.Count or not self.List:
            return SyncKey()
        return SyncKey(tuple((pair.Key, pair.Val) for pair in self.List))


class Contact(Struct, gc=False):
    """A contact record. What is ``UNSET`` was not in the record: a former value stays."""

    UserName: str
    NickName: Text = UNSET
    RemarkName: Text = UNSET
    DisplayName: Text = UNSET
    Alias: Text = UNSET
    Sex: Number = UNSET
    Province: Text = UNSET
    City: Text = UNSET
    Signature: Text = UNSET
    Uin: int | str = 0
    VerifyFlag: int = 0
    OwnerUin: int | str = 0
    MemberCount: int = 0
    MemberList: list[Raw] | None = None


class InitReply(Reply):
    User: Contact
    SyncKey: Keys
    SKey: str = ""
    ContactList: list[Raw] | None = None
    ChatSet: str = ""


class ContactReply(Reply):
    MemberList: list[Raw] | None = None
    Seq: int = 0


class BatchContactReply(Reply):
    ContactList: list[Raw] | None = None


class Buffer(Struct):
    Buff: str = ""


class Profile(Struct):
    BitFlag: int = 0
    NickName: Buffer | UnsetType = UNSET
    Alias: Text = UNSET
    Sex: Number = UNSET
    Signature: Text = UNSET


class SyncReply(Reply):
    SyncKey: Keys = msgspec.field(default_factory=Keys)
    SyncCheckKey: Keys = msgspec.field(default_factory=Keys)
    SKey: str = ""
    ContinueFlag: int = 0
    AddMsgList: list[Raw] | None = None
    ModContactList: list[Raw] | None = None
    DelContactList: list[Raw] | None = None
    ModChatRoomMemberList: list[Raw] | None = None
    Profile: Raw = Raw(b"null")


class SendReply(Reply):
    MsgID: str | int = ""


class PushLoginReply(Struct):
    ret: int | str
    msg: str = ""
    uuid: str = ""


class Message(Struct):
    """An entry of ``AddMsgList``, as far as every kind of message needs it."""

    MsgId: str | int
    FromUserName: str
    ToUserName: str
    MsgType: int
    Content: str = ""
    CreateTime: int = 0
    StatusNotifyCode: int = 0
    StatusNotifyUserName: str = ""


T = TypeVar("T")


def decode(call: str, body: bytes, kind: type[T]) -> T:
    """The answer to ``call`` as a struct of ``kind``. Numbers may come as strings.

    Raises ``ProtocolError`` for what is no such answer.
    """
    try:
        return msgspec.json.decode(body, type=kind, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as first:
        try:
            mended = _mend(body)
            return msgspec.json.decode(mended, type=kind, strict=False)
        except (ValueError, RecursionError):
            raise ProtocolError(call, f"the answer cannot be read: {first}") from None


def _mend(body: bytes) -> bytes:
    """JSON that a strict reader refuses but browsers' clients have always read: raw control characters
    in strings, bytes that are no UTF-8."""
    value = json.loads(body.decode("utf-8", "replace"), strict=False)
    return msgspec.json.encode(_without_surrogates(value))


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value


def each(records: Iterable[Raw] | None, kind: type[T]) -> tuple[list[T], list[bytes]]:
    """The records that can be read as ``kind``, and the raw bytes of those that cannot."""
    good: list[T] = []
    broken: list[bytes] = []
    for raw in records or ():
        try:
            good.append(msgspec.json.decode(raw, type=kind, strict=False))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            broken.append(bytes(raw))
    return good, broken
