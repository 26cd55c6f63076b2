"""WeChat's JSON in WeChat's own spelling, read leniently (protocol reference, sections 3 to 6).

Unknown fields are ignored, and whatever openwx can live without has a default. Lists of records are kept raw
and read one by one, so that one that is broken cannot take its neighbours with it.
"""

import json
import logging
import re
from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from openwx import metrics
from openwx.errors import BadResponse
from openwx.transports.web.session import SyncKey, number_or_name

log = logging.getLogger("openwx.wechat")

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
    VerifyFlag: Number = UNSET
    ContactFlag: Number = UNSET
    OwnerUin: int | str = 0
    ChatRoomOwner: Text = UNSET
    MemberCount: int = 0
    MemberList: list[Raw] | None = None
    EncryChatRoomId: str = ""


class InitReply(Reply):
    User: Contact
    SyncKey: Keys
    SKey: str = ""
    ContactList: list[Raw] | None = None
    ChatSet: str = ""
    InviteStartCount: int = 0


class ContactReply(Reply):
    MemberCount: int = 0
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


class JoiningMember(Struct):
    """Somebody who was to join a group; a status other than 0: he did not."""

    UserName: str
    MemberStatus: int = 0


class MembersReply(Reply):
    MemberList: list[Raw] | None = None


class CreateGroupReply(MembersReply):
    ChatRoomName: str = ""
    BlackList: str = ""


class UploadReply(Reply):
    MediaId: str = ""


class CheckUploadReply(Reply):
    MediaId: str = ""
    AESKey: str = ""
    Signature: str = ""


class PushLoginReply(Struct):
    ret: int | str
    msg: str = ""
    uuid: str = ""


class AppId(Struct):
    """``AppInfo``."""

    AppID: str = ""


class Recommend(Struct):
    """``RecommendInfo``: whom a card shows, or who asks to be a friend."""

    UserName: str = ""
    NickName: str = ""
    Content: str = ""
    Ticket: str = ""
    Alias: str = ""
    Province: str = ""
    City: str = ""
    Sex: int = 0


class Message(Struct):
    """An entry of ``AddMsgList``."""

    needed: ClassVar[tuple[str, ...]] = ("Content", "CreateTime")
    """Where they cannot be read, the entry is told raw, not as an empty message."""

    MsgId: str | int
    FromUserName: str
    ToUserName: str
    MsgType: int
    Content: str = ""
    CreateTime: int = 0
    StatusNotifyCode: int = 0
    StatusNotifyUserName: str = ""
    AppMsgType: int = 0
    Url: str = ""
    FileName: str = ""
    FileSize: str | int = ""
    MediaId: str = ""
    EncryFileName: str = ""
    HasProductId: int = 0
    Ticket: str = ""
    AppInfo: AppId = msgspec.field(default_factory=AppId)
    RecommendInfo: Recommend = msgspec.field(default_factory=Recommend)


T = TypeVar("T")


def decode(call: str, body: bytes, kind: type[T]) -> T:
    """The answer to ``call`` as a struct of ``kind``. Numbers may come as strings.

    Raises ``BadResponse`` for what is no such answer.
    """
    try:
        return msgspec.json.decode(body, type=kind, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as first:
        try:
            return msgspec.json.decode(_mend(body), type=kind, strict=False)
        except (ValueError, RecursionError):
            raise BadResponse(call, f"the answer cannot be read: {_reason(first)}") from None


def encode(body: Any) -> bytes:
    """UTF-8 without escapes. Halves of surrogate pairs, which UTF-8 cannot say, become question marks."""
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:
        return msgspec.json.encode(_cleaned(body))


def _reason(error: Exception) -> str:
    """Never the answer's own bytes, which may hold secrets."""
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


def _mend(body: bytes) -> bytes:
    """JSON that a strict reader refuses but browsers' clients have always read: raw control characters
    in strings, bytes that are no UTF-8, halves of surrogate pairs, and null for a field that is not there."""
    return msgspec.json.encode(_cleaned(_loads(body)))


def _loads(body: bytes) -> Any:
    return json.loads(body.decode("utf-8-sig", "replace"), strict=False, parse_int=_integer)


def _integer(digits: str) -> int | str:
    """Python refuses to read integers of thousands of digits, and nothing here has more than twenty."""
    return int(digits) if len(digits) <= 20 else digits


def _cleaned(value: Any) -> Any:
    """Without lone surrogates, and without members that are null."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(item) for key, item in value.items() if item is not None}
    return value


def each(records: Iterable[Raw] | None, kind: type[T]) -> tuple[list[T], list[bytes]]:
    """The records that can be read as ``kind``, and the raw bytes of those that cannot, which are dropped."""
    good: list[T] = []
    broken: list[bytes] = []
    for raw in records or ():
        record = read(raw, kind)
        if record is None:
            broken.append(bytes(raw))
        else:
            good.append(record)
    if broken:
        words = "%d records cannot be read, and are left out: %s"
        metrics.dropped(log, "record", words, len(broken), kind.__name__, count=len(broken))
    return good, broken


def read(raw: Raw, kind: type[T]) -> T | None:
    """A record, without those of its fields that make no sense; None where one that it needs does not."""
    try:
        return msgspec.json.decode(raw, type=kind, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        try:
            return _salvage(_cleaned(_loads(bytes(raw))), kind)
        except (ValueError, RecursionError):
            return None


def fields(raw: Raw) -> dict[str, Any]:
    """Whatever can be read of a record that is broken; no ``null`` among it."""
    try:
        value = _cleaned(_loads(bytes(raw)))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _salvage(value: Any, kind: type[T]) -> T:
    """Raises ``ValueError`` where a field that is needed cannot be read."""
    if isinstance(value, dict):
        for field in msgspec.structs.fields(kind):  # type: ignore[arg-type]
            needed = field.required or field.encode_name in getattr(kind, "needed", ())
            if field.encode_name in value and not needed:
                item = msgspec.json.encode(value[field.encode_name])
                try:
                    msgspec.json.decode(item, type=field.type, strict=False)
                except msgspec.MsgspecError:
                    words = "%s of a %s makes no sense, and is left out"
                    metrics.dropped(log, "field", words, field.encode_name, kind.__name__)
                    del value[field.encode_name]
    return msgspec.json.decode(msgspec.json.encode(value), type=kind, strict=False)


_NO_LASTING = re.compile(r"[<>&\"',;\s\x00-\x1f]")
"""What is in markup, and in no number or name of an account or a group."""


def lasting(uin: int | str) -> int | str:
    """What a Uin says: a number, a name where it is none, and ``""`` where it says nothing that can be one."""
    if isinstance(uin, str):
        uin = uin.strip()
        uin = "" if _NO_LASTING.search(uin) else number_or_name(uin)
    return uin or ""
