"""Contact records and messages with the ids of a login (reference, Contact record and 5).
The services answer with them.
"""

from __future__ import annotations

import re
from typing import Any

from ..model import Chat, Group, Member, Message, Person, Recommendation
from ..session import Session
from .text import name_on_wire


def contact_record(session: Session, chat: Chat) -> dict[str, Any]:
    """Write the full record of webwxgetcontact; groups without their members."""
    if isinstance(chat, Group):
        return _group_record(session, chat)
    return _person_record(session, chat)


def group_with_members(session: Session, group: Group) -> dict[str, Any]:
    """Write the record of webwxbatchgetcontact and ModContactList: members abridged."""
    record = _group_record(session, group)
    record["MemberCount"] = len(group.members)
    record["MemberList"] = [_abridged(session, m) for m in group.members.values()]
    record["EncryChatRoomId"] = session.room_of(group)
    record["ChatRoomOwner"] = session.id_of(group.owner)
    if group.owner is session.owner:
        record["OwnerUin"], record["IsOwner"] = group.owner.uin, 1
    return record


def group_in_init(session: Session, group: Group) -> dict[str, Any]:
    """Write the record of webwxinit: with members, but without their names."""
    record = _group_record(session, group)
    record["MemberCount"] = len(group.members)
    record["MemberList"] = [
        {**_abridged(session, m), "NickName": "", "DisplayName": ""} for m in group.members.values()
    ]
    return record


def member_record(session: Session, group: Group, member: Member) -> dict[str, Any]:
    """Write a member's details, requested with the group's EncryChatRoomId."""
    record = _person_record(session, member.person)
    record["DisplayName"] = name_on_wire(member.display_name)
    record["EncryChatRoomId"] = room = session.room_of(group)
    record["HeadImgUrl"] = _avatar(session, member.person, room)
    if not member.person.is_friend and member.person is not session.owner:
        record["Alias"] = ""
    return record


def own_record(session: Session) -> dict[str, Any]:
    """Write `User` of webwxinit: the only record with a Uin."""
    owner = session.owner
    return {
        "Uin": owner.uin, "UserName": session.id_of(owner),
        "NickName": name_on_wire(owner.nickname), "HeadImgUrl": _avatar(session, owner),
        "RemarkName": "", "PYInitial": "", "PYQuanPin": "",
        "RemarkPYInitial": "", "RemarkPYQuanPin": "", "HideInputBarFlag": 0, "StarFriend": 0,
        "Sex": owner.sex, "Signature": name_on_wire(owner.signature), "AppAccountFlag": 0,
        "VerifyFlag": 0, "ContactFlag": 0, "WebWxPluginSwitch": 0, "HeadImgFlag": 1, "SnsFlag": 17,
    }  # fmt: skip


def profile(session: Session, *, changed: bool) -> dict[str, Any]:
    """Write `Profile` of webwxsync; empty unless the owner's data changed (BitFlag 190)."""
    owner = session.owner
    return {
        "BitFlag": 190 if changed else 0,
        "UserName": {"Buff": session.id_of(owner) if changed else ""},
        "NickName": {"Buff": name_on_wire(owner.nickname) if changed else ""},
        "BindUin": 0, "BindEmail": {"Buff": ""}, "BindMobile": {"Buff": ""}, "Status": 0,
        "Sex": owner.sex if changed else 0, "PersonalCard": 0,
        "Alias": owner.alias if changed else "",
        "HeadImgUpdateFlag": 1 if changed else 0,
        "HeadImgUrl": _avatar(session, owner) if changed else "",
        "Signature": name_on_wire(owner.signature) if changed else "",
    }  # fmt: skip


def message_record(session: Session, message: Message) -> dict[str, Any]:
    """Write an AddMsgList entry."""
    content = message.draft.content
    if message.member is not None and isinstance(message.sender, Group):
        content = f"{session.id_of(message.member)}:<br/>{content}"
    return {
        "MsgId": message.msg_id, "FromUserName": session.id_of(message.sender),
        "ToUserName": session.id_of(message.receiver), "MsgType": message.msg_type,
        "Content": content, "Status": 3, "ImgStatus": 1, "CreateTime": message.time,
        "VoiceLength": 0, "PlayLength": 0, "FileName": "", "FileSize": "", "MediaId": "", "Url": "",
        "AppMsgType": 0, "StatusNotifyCode": 0,
        "StatusNotifyUserName": ",".join(session.id_of(chat) for chat in message.notify_about),
        "RecommendInfo": _recommend_info(session, message.draft.recommends),
        "ForwardFlag": 0, "AppInfo": {"AppID": "", "Type": 0}, "HasProductId": 0, "Ticket": "",
        "ImgHeight": 0, "ImgWidth": 0, "SubMsgType": 0, "NewMsgId": message.number,
        "OriContent": "", "EncryFileName": "",
        **message.fields,
    }  # fmt: skip


def _recommend_info(session: Session, recommends: Recommendation | None) -> dict[str, Any]:
    info = {
        "UserName": "", "NickName": "", "QQNum": 0, "Province": "", "City": "", "Content": "",
        "Signature": "", "Alias": "", "Scene": 0, "VerifyFlag": 0, "AttrStatus": 0, "Sex": 0,
        "Ticket": "", "OpCode": 0,
    }  # fmt: skip
    if recommends is None:
        return info
    person = recommends.person
    return info | {
        "UserName": session.id_of(person), "NickName": name_on_wire(person.nickname),
        "Province": person.province, "City": person.city, "Content": name_on_wire(recommends.words),
        "Signature": name_on_wire(person.signature), "Alias": person.alias, "Sex": person.sex,
        "Scene": recommends.scene, "VerifyFlag": person.verify_flag, "AttrStatus": 102_501,
        "Ticket": recommends.ticket, "OpCode": 2 if recommends.ticket else 0,
    }  # fmt: skip


def _person_record(session: Session, person: Person) -> dict[str, Any]:
    # A stranger's remark name, star or pin cannot be: only friends have them.
    public = bool(person.verify_flag & 8)
    return _record(
        session, person,
        NickName=name_on_wire(person.nickname),
        RemarkName=name_on_wire(person.remark) if person.is_friend else "",
        ContactFlag=_flag(3 if person.is_friend else 0, pinned=person.pinned),
        Sex=person.sex, Signature=name_on_wire(person.signature), VerifyFlag=person.verify_flag,
        PYQuanPin=_latin(person.nickname), RemarkPYQuanPin=_latin(person.remark),
        PYInitial=_latin(person.nickname)[:1].upper(),
        StarFriend=int(person.starred), Province=person.province, City=person.city,
        Alias=person.alias, KeyWord="gh_" if public else "", SnsFlag=0 if public else 1,
        AttrStatus=0 if public or person.system_name else 102_501,
    )  # fmt: skip


def _group_record(session: Session, group: Group) -> dict[str, Any]:
    # Quirk: webwxgetcontact says MemberCount 0 for groups, however many they have (wechat4u asks
    # webwxbatchgetcontact for just those).
    return _record(
        session, group,
        NickName=name_on_wire(group.name), ContactFlag=_flag(2, pinned=group.pinned),
        PYQuanPin=_latin(group.name), Statues=1 if group.saved else 0,
    )  # fmt: skip


def _record(session: Session, chat: Chat, **fields: Any) -> dict[str, Any]:
    return {
        "Uin": 0, "UserName": session.id_of(chat), "NickName": "",
        "HeadImgUrl": _avatar(session, chat), "ContactFlag": 0, "MemberCount": 0, "MemberList": [],
        "RemarkName": "", "HideInputBarFlag": 0, "Sex": 0, "Signature": "", "VerifyFlag": 0,
        "OwnerUin": 0, "PYInitial": "", "PYQuanPin": "", "RemarkPYInitial": "",
        "RemarkPYQuanPin": "", "StarFriend": 0, "AppAccountFlag": 0, "Statues": 0, "AttrStatus": 0,
        "Province": "", "City": "", "Alias": "", "SnsFlag": 0, "UniFriend": 0, "DisplayName": "",
        "ChatRoomId": 0, "KeyWord": "", "EncryChatRoomId": "", "IsOwner": 0,
        **fields,
    }  # fmt: skip


def _abridged(session: Session, member: Member) -> dict[str, Any]:
    person = member.person
    return {
        "Uin": 0, "UserName": session.id_of(person), "NickName": name_on_wire(person.nickname),
        "AttrStatus": 102_501, "PYInitial": "", "PYQuanPin": "", "RemarkPYInitial": "",
        "RemarkPYQuanPin": "", "MemberStatus": 0, "DisplayName": name_on_wire(member.display_name),
        "KeyWord": "",
    }  # fmt: skip


def _avatar(session: Session, chat: Chat, room: str = "") -> str:
    call = "webwxgetheadimg" if isinstance(chat, Group) else "webwxgeticon"
    return (
        f"/cgi-bin/mmwebwx-bin/{call}?seq={chat.avatar_version}"
        f"&username={session.id_of(chat)}{f'&chatroomid={room}' if room else ''}"
        f"&skey={session.later_skey}"
    )


def _flag(flag: int, *, pinned: bool) -> int:
    return flag | (2048 if pinned else 0)


def _latin(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", name)
