"""Contact records in WeChat's JSON, by the thousands, for the rows ``search`` and ``members``."""

from collections.abc import Iterable
from typing import Any

import msgspec

from openwx.domain.contacts import User
from openwx.transports.web import wire
from openwx.transports.web.contacts import WebContacts

OWN_ID = "@" + "0" * 32


def friend_records(count: int) -> list[dict[str, Any]]:
    return [_friend(number) for number in range(count)]


def _friend(number: int) -> dict[str, Any]:
    return {
        "UserName": f"@{number:032x}",
        "NickName": f"friend {number}",
        "RemarkName": "" if number % 5 else f"remark {number}",
        "Alias": f"wx{number * 7919}" if number % 3 else "",
        "Sex": number % 3,
        "Province": f"province {number % 30}",
        "City": f"city {number % 7}",
        "Signature": "生活不止眼前的苟且 😄" if number % 4 == 0 else "",
        "VerifyFlag": 0,
        "ContactFlag": 3,
        "Uin": 1000 + number,
    }


def member_record(number: int) -> dict[str, Any]:
    """Make a group member with the 17 fields that WeChat sends, most of them empty."""
    return {
        "Uin": 0,
        "UserName": f"@{number:064x}",
        "NickName": f"member {number}",
        "AttrStatus": 102437,
        "PYInitial": "",
        "PYQuanPin": "",
        "RemarkPYInitial": "",
        "RemarkPYQuanPin": "",
        "MemberStatus": 0,
        "DisplayName": f"in the group {number}" if number % 3 == 0 else "",
        "KeyWord": "wxi",
        "RemarkName": "",
        "Sex": 0,
        "Province": "",
        "City": "",
        "Signature": "",
        "Alias": "",
    }


def group_bodies(groups: int, members: int, *, at_once: int = 50) -> list[bytes]:
    """Encode answers of ``webwxbatchgetcontact``, with up to ``at_once`` groups in each."""
    numbers = iter(range(groups * members))
    bodies = []
    for first in range(0, groups, at_once):
        listed = [
            {
                "UserName": f"@@{number:064x}",
                "NickName": f"group {number}",
                "MemberCount": members,
                "MemberList": [member_record(next(numbers)) for _ in range(members)],
                "ChatRoomOwner": "",
                "EncryChatRoomId": f"@{number:032x}",
            }
            for number in range(first, min(first + at_once, groups))
        ]
        answer = {"BaseResponse": {"Ret": 0, "ErrMsg": ""}, "ContactList": listed}
        bodies.append(msgspec.json.encode(answer))
    return bodies


def contacts_of(records: Iterable[dict[str, Any]]) -> WebContacts:
    """Make the contacts of an account with these friends."""
    contacts = WebContacts(User(id=OWN_ID))
    for record in records:
        contacts.put_friend(msgspec.convert(record, wire.Contact))
    return contacts
