"""How the control API shows the world."""

from __future__ import annotations

from typing import Any

from .account import Account
from .avatars import hex_colour
from .call import Call
from .faults import Rule
from .friendship import FriendRequest, Invitation
from .media import Medium
from .people import Group, Member, Person
from .timeline import Heard


def account_view(account: Account) -> dict[str, Any]:
    prompt = account.phone.shows()
    return {
        "account": account.number,
        "name": account.name,
        "nickname": account.owner.nickname,
        "colour": hex_colour(account.owner),
        "uin": account.uin,
        "online": account.is_online,
        "logins": account.logins,
        "friends": len(account.friends),
        "groups": len(account.groups),
        "sent": len(account.sent),
        "phone_asks_for": prompt.uuid if prompt else None,
        "refusal": account.refusal,
    }


def friend_view(friend: Person) -> dict[str, Any]:
    return {
        "key": friend.key,
        "id": friend.system_name,
        "nickname": friend.nickname,
        "remark": friend.remark,
        "alias": friend.alias,
        "uin": friend.uin,
        "pinned": friend.pinned,
        "heard": len(friend.inbox),
    }


def group_view(group: Group) -> dict[str, Any]:
    return {
        "key": group.key,
        "name": group.name,
        "uin": group.uin,
        "members": len(group.members),
        "saved": group.saved,
        "pinned": group.pinned,
        "invited": [person.nickname for person in group.invited],
        "heard": len(group.inbox),
    }


def member_view(member: Member) -> dict[str, Any]:
    return {
        "key": member.person.key,
        "nickname": member.nickname,
        "display_name": member.display_name,
        "is_friend": member.person.is_friend,
        "is_me": member.person is member.person.account.owner,
        "colour": hex_colour(member.person),
    }


def heard_view(heard: Heard) -> dict[str, Any]:
    return {
        "text": heard.text,
        "to": str(heard.to),
        "key": heard.to.key,
        "msg_id": heard.msg_id,
        "client_msg_id": heard.client_msg_id,
        "msg_type": heard.msg_type,
        "time": heard.time,
        "revoked": heard.revoked,
        "bounced": heard.bounced,
        "file_name": heard.file_name,
        "medium": medium_view(heard.medium) if heard.medium else None,
        "forwarded": heard.forwarded.msg_id if heard.forwarded else None,
    }


def medium_view(medium: Medium) -> dict[str, Any]:
    return {
        "media_id": medium.media_id,
        "name": medium.name,
        "mime": medium.mime,
        "kind": medium.kind,
        "size": medium.size,
        "md5": medium.md5,
    }


def request_view(request: FriendRequest) -> dict[str, Any]:
    return {
        "key": request.person.key,
        "nickname": request.person.nickname,
        "colour": hex_colour(request.person),
        "words": request.words,
        "ticket": request.ticket,
        "accepted": request.accepted,
        "msg_id": request.message.msg_id,
    }


def invitation_view(invitation: Invitation) -> dict[str, Any]:
    return {
        "key": invitation.person.key,
        "nickname": invitation.person.nickname,
        "colour": hex_colour(invitation.person),
        "words": invitation.words,
        "accepted": invitation.accepted,
    }


def rule_view(rule: Rule) -> dict[str, Any]:
    return {
        "call": rule.call,
        "fault": rule.fault.value,
        "times": rule.times,
        "probability": rule.probability,
        "hits": rule.hits,
    }


def call_view(call: Call) -> dict[str, Any]:
    return {
        "name": call.name,
        "method": call.method,
        "time": call.time,
        "query": call.query,
        "body": call.body,
        "fault": call.fault,
    }
