"""The control API's verbs for what friends, groups and the owner's phone do besides sending."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from .asked import Asked, BadParameterError
from .control_views import friend_view, group_view, member_view, request_view
from .timeline import Message

Reply: TypeAlias = "dict[str, Any] | list[Any] | Message | None"
Verb: TypeAlias = "Callable[[Asked], Reply | Awaitable[Reply]]"


async def _scan(asked: Asked) -> Reply:
    uuid = asked.text("uuid", "") or None
    code = await asked.account.phone.scan(uuid, asked.number("timeout_s", 10) or 0.0)
    return {"uuid": code.uuid}


def _add_friend(asked: Asked) -> Reply:
    return friend_view(asked.account.add_friend(asked.text("name")))


def _ask_to_be_friends(asked: Asked) -> Reply:
    account = asked.account
    return request_view(account.asks_to_be_friends(asked.text("name"), asked.text("words", "")))


def _accept_me(asked: Asked) -> Reply:
    name, asked_for = asked.text("name"), asked.account.friend_requests_sent
    found = [i.person for i in asked_for if name in (i.person.nickname, str(i.person.key))]
    if not found:
        raise LookupError(f"the account did not ask {name!r} to be friends")
    return found[-1].accepts_me()


def _add_member(asked: Asked) -> Reply:
    group, person = asked.group, asked.person("member")
    if person.key in group.members:
        raise BadParameterError(f"{person} is in {group} already")
    return member_view(group.add_member(person, by=asked.actor))


def _add_group(asked: Asked) -> Reply:
    names = asked.lines("members")
    people = list(dict.fromkeys(asked.person_called(name) for name in names))
    return group_view(asked.account.add_group(asked.text("name", ""), [*people]))


def _accept(asked: Asked) -> Reply:
    name, requests = asked.text("name"), asked.account.friend_requests
    found = [
        r for r in requests if name in (r.person.nickname, str(r.person.key), r.message.msg_id)
    ]
    if not found or found[-1].accepted:
        raise LookupError(f"{name!r} did not ask to be friends, or was accepted already")
    return asked.account.phone.accepts(found[-1])


def _accept_invitation(asked: Asked) -> Reply:
    group, name = asked.group, asked.text("member")
    found = [p for p in group.invited if name in (p.nickname, str(p.key))]
    if not found:
        raise LookupError(f"{name!r} was not invited to {group}")
    return member_view(group.accepts_invitation(found[0]))


POSTS: dict[str, Verb] = {
    "account/asks_to_be_friends": _ask_to_be_friends,
    "account/is_accepted": _accept_me,
    "phone/scan": _scan,
    "phone/confirm": lambda asked: asked.account.phone.confirm(),
    "phone/cancel": lambda asked: asked.account.phone.cancel(),
    "phone/logs_out_web": lambda asked: asked.account.phone.logs_out_web(),
    "phone/opens": lambda asked: asked.account.phone.opens(asked.chat),
    "phone/leaves": lambda asked: asked.account.phone.leaves(asked.chat),
    "phone/accepts": _accept,
    "phone/leaves_group": lambda asked: asked.account.phone.leaves_group(asked.group),
    "phone/says": lambda asked: asked.account.phone.says(asked.chat, asked.text("text")),
    "phone/recalls": lambda asked: asked.account.phone.recalls(asked.sent),
    "phone/remarks": lambda asked: asked.account.phone.remarks(asked.friend, asked.text("name")),
    "phone/deletes": lambda asked: asked.account.phone.deletes(asked.friend),
    "phone/renames_me": lambda asked: asked.account.phone.renames_me(asked.text("name")),
    "friend/says": lambda asked: asked.friend.says(asked.text("text")),
    "friend/recalls": lambda asked: asked.friend.recalls(asked.message),
    "friend/renames": lambda asked: asked.friend.renames(asked.text("name")),
    "friend/changes_avatar": lambda asked: asked.friend.changes_avatar(),
    "friend/unfriends_me": lambda asked: asked.friend.unfriends_me(),
    "friend/add": _add_friend,
    "group/member_says": lambda asked: asked.group.member_says(
        asked.text("member"), asked.text("text")
    ),
    "group/member_recalls": lambda asked: asked.group.member_recalls(asked.message),
    "group/add_member": _add_member,
    "group/accepts_invitation": _accept_invitation,
    "group/add": _add_group,
    "group/remove_member": lambda asked: asked.group.remove_member(
        asked.text("member"), by=asked.actor
    ),
    "group/rename": lambda asked: asked.group.rename(asked.text("name"), by=asked.actor),
    "group/notice": lambda asked: asked.group.notice(asked.text("text")),
}
