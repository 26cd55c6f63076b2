"""WeChat's JSON in WeChat's spelling, decoded leniently (protocol reference, sections 3 to 6).
All modules that read an answer use it.

Unknown fields are ignored, and every field that openwx can do without has a default. Lists of records stay raw and are
decoded one by one, so that a broken record does not affect the others.
"""

import json
import logging
import re
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from openwx import metrics
from openwx.domain.contacts import number_or_name
from openwx.domain.names import as_name
from openwx.errors import UNREADABLE, BadResponse
from openwx.transports.web.session import SyncKey

log = logging.getLogger("openwx.wechat")

Text = str | UnsetType
Number = int | UnsetType
Sendable = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{0,2000}\Z")]
"""The MediaId of a file. WeChat's have some hundred characters; callers and the store name the file by it."""


class BaseResponse(Struct):
    Ret: int
    ErrMsg: str | None = ""


class Reply(Struct):
    """Any answer. A ``Ret`` other than 0 is a refusal."""

    BaseResponse: BaseResponse


class KeyVal(Struct):
    Key: int
    Val: int


class Keys(Struct):
    Count: int = 0
    List: list[KeyVal] | None = None

    def read(self) -> SyncKey:
        """Return the key; empty where ``Count`` is 0, which means: keep the former one."""
        if not self.Count or not self.List:
            return SyncKey()
        return SyncKey(tuple((pair.Key, pair.Val) for pair in self.List))


class Contact(Struct, gc=False):
    """A contact record. A field that it lacked is ``UNSET``, and keeps its former value."""

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

    @property
    def id(self) -> str:
        """The MsgId, as that of a message that comes."""
        return as_name(str(self.MsgID))


class JoiningMember(Struct):
    """Somebody invited to a group; a status other than 0 means that they did not join."""

    UserName: str
    MemberStatus: int = 0


class MembersReply(Reply):
    MemberList: list[Raw] | None = None


class CreateGroupReply(MembersReply):
    ChatRoomName: str = ""
    BlackList: str = ""


class UploadReply(Reply):
    MediaId: Sendable = ""


class CheckUploadReply(Reply):
    MediaId: Sendable = ""
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
    """``RecommendInfo``: the person on a card, or the author of a friend request."""

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
    """Where one of these cannot be decoded, the entry is published raw instead of as an empty message."""

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
    """Decode the answer to ``call`` as a struct of ``kind``. Numbers may be strings.

    Raises ``BadResponse``.
    """
    try:
        return msgspec.json.decode(body, type=kind, strict=False)
    except UNREADABLE as first:
        try:
            return msgspec.json.decode(_mend(body), type=kind, strict=False)
        except (ValueError, RecursionError):
            raise BadResponse(call, f"the answer cannot be read: {_reason(first)}") from None


def encode(body: Any) -> bytes:
    """Encode as UTF-8 without escapes. Lone surrogates, which UTF-8 cannot encode, become question marks."""
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:
        return msgspec.json.encode(_cleaned(body))


def _reason(error: Exception) -> str:
    """Describe an error without the answer's bytes, which may contain secrets."""
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


def _mend(body: bytes) -> bytes:
    """Decode JSON that only lenient clients accept: raw control characters in strings, invalid UTF-8, lone surrogates,
    and null for a missing field."""
    return msgspec.json.encode(_cleaned(_loads(body)))


def _loads(body: bytes) -> Any:
    return json.loads(body.decode("utf-8-sig", "replace"), strict=False, parse_int=_integer)


def _integer(digits: str) -> int | str:
    """Reject integers of more digits than any field has; Python itself fails on thousands of them."""
    return int(digits) if len(digits) <= 20 else digits


def _cleaned(value: Any) -> Any:
    """Remove lone surrogates and members that are null."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(item) for key, item in value.items() if item is not None}
    return value


def each(records: Iterable[Raw] | None, kind: type[T]) -> tuple[list[T], list[bytes]]:
    """Decode records one by one; return those of ``kind``, and the raw bytes of those that cannot be decoded, which
    are dropped."""
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
    """Decode a record without its invalid fields; None where a required one is invalid."""
    try:
        return msgspec.json.decode(raw, type=kind, strict=False)
    except UNREADABLE:
        try:
            return _salvage(_cleaned(_loads(bytes(raw))), kind)
        except (ValueError, RecursionError):
            return None


def fields(raw: Raw) -> dict[str, Any]:
    """Return the fields of a broken record that can be decoded, without ``null``."""
    try:
        value = _cleaned(_loads(bytes(raw)))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _salvage(value: Any, kind: type[T]) -> T:
    """Decode a record field by field. Raises ``ValueError`` where a required field is invalid."""
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
"""Characters of markup, which no number or name of an account or a group contains."""


def lasting(uin: int | str) -> int | str:
    """Return the number or name in a Uin, and ``""`` where it is neither."""
    if isinstance(uin, str):
        uin = uin.strip()
        uin = "" if _NO_LASTING.search(uin) else number_or_name(uin)
    return uin or ""
