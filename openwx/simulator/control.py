"""The scenario vocabulary over HTTP, on the simulator's own port, under `/_simulator/`.
`server` adds it; tests and scripts call it.

Parameters come from the query or from a JSON object in the body. `account` is a number, name or Uin
(the first unless given); `friend` and `group` are a name, or the `key` that the lists show where names
are ambiguous; `member` is a name in the group, nickname or `key`. Answers are JSON; an error is
`{"error": "plain words"}` with status 400 (bad parameter), 404 (not found) or 408 (timed out).

| GET | parameters | answer |
| --- | --- | --- |
| `state` | | overview: accounts, login codes, settings, faults, number of calls |
| `friends`, `system_accounts`, `groups` | `account` | lists with `key`, names, counts |
| `members` | `account`, `group` | the group's members |
| `chats` | `account`, `search`, `limit` (200) | the chats as the phone lists them: last message, unread |
| `chat` | `account`, `friend`, `group` or `clawbot`; `limit` (60), `before` a `msg_id` | its messages, in both directions |
| `inbox` | `account`, `friend` or `group`; `n`, `timeout_s` | the messages that the account sent to this chat; waits until there are `n` |
| `sent` | `account` | all that the account sent |
| `media` | `account` | the uploads of the account: MediaId, name, kind, size, MD5 |
| `medium` | `account`, `media_id` | one of these with its bytes (`data`, base64) |
| `friend_requests`, `friend_requests_sent` | `account` | the friend requests to and from the account |
| `handed_out` | `account` | the MsgIds that webwxsync returned; the numbers of events and of acknowledged events |
| `changes` | | Server-Sent Events: a number for each thing that can change, whenever one changes |
| `attachment` | `account`, `msg_id` | the bytes of a message's picture, voice, film or file |
| `login_code` | `uuid` | the QR code as PNG |
| `calls` | `name`, `fault`, `last` (100) | the recorded calls: name, time, query, body, fault |

| POST | parameters |
| --- | --- |
| `account/add` | `name`, `friends`, `groups`, `biggest_group` |
| `account/refuse_login`, `account/allow_login` | `account`, `ret` (1203), `message` |
| `account/ends_session` | `account`, `ret` (1101): the web client is logged out |
| `account/desktop_only` | `account`, `on` |
| `phone/scan` | `account`, `uuid` (the oldest unscanned), `timeout_s` (10) |
| `phone/confirm`, `phone/cancel`, `phone/logs_out_web` | `account` |
| `phone/says` | `account`, `friend` or `group`, `text` |
| `phone/opens`, `phone/leaves` | `account`, `friend` or `group`: the owner looks at the chat |
| `phone/accepts` | `account`, `name`: accept a friend request |
| `phone/leaves_group` | `account`, `group` |
| `phone/recalls` | `account`, `msg_id` of what the phone or the web client sent |
| `phone/remarks`, `phone/deletes`, `phone/renames_me` | `account`, `friend`, `name` |
| `friend/says`, `friend/renames`, `friend/unfriends_me`, `friend/changes_avatar` | `account`, `friend`, `text` or `name` |
| `phone/mentions`, `group/member_mentions` | `account`, `group`, `member`, `whom` (names; 所有人 is everybody), `text` |
| `phone/announces`, `group/member_announces` | `account`, `group`, `member`, `text`: the announcement of the group |
| `friend/recalls`, `group/member_recalls` | `account`, `friend` or `group`, `msg_id` |
| `friend/add` | `account`, `name` |
| `account/asks_to_be_friends` | `account`, `name`, `words`: a friend request |
| `account/is_accepted` | `account`, `name`: a person accepts the account's request |
| `group/member_says` | `account`, `group`, `member`, `text` |
| `group/add` | `account`, `name`, `members`: friends, or names of strangers |
| `group/add_member`, `group/remove_member`, `group/rename` | `account`, `group`, `member` or `name`; `by` a member (the group's owner) |
| `group/notice` | `account`, `group`, `text` |
| `group/accepts_invitation` | `account`, `group`, `member`: an invited friend joins |
| `friend/` **or** `phone/` and one of the verbs below; `group/member_` and the same | `account`, `friend` or `group`, `member`, and the parameters of the verb |
| … `sends_image`, `sends_sticker`, `sends_app_sticker` | the medium: `data` (base64), or `sample` (png, jpeg, gif, mp3, mp4, silk), or `size` and `seed` (noise); none: a fitting sample. Of all but voices `told_size`: the size in the message, where it is wrong (0: none) |
| … `sends_voice`, `sends_video`, `sends_short_video` | the medium, `seconds` |
| … `sends_file` | `name`, the medium |
| … `sends_location`, `sends_location_48` | `place`, `latitude`, `longitude` |
| … `sends_link` | `title`, `desc`, `url`, `app_name`, `app_id` |
| … `quotes` | `msg_id` of the message that is quoted, `text`, `as_text`: as clients without quotes write it |
| … `sends_articles` | `articles`: a push; titles, or objects with `title`, `desc`, `url`, `cover` |
| … `sends_mini_program` | `title`, `app_name`, `app_id`, `path`, `username`, `app_msg_type` (33 or 36) |
| … `transfers` | `amount`, `memo` |
| … `sends_red_packet` | `words` |
| … `sends_chat_record` | `title`, `lines`, `app_msg_type` (19 or 0) |
| … `sends_card` | `person`: a friend, or the name of a stranger |
| … `sends_shop_sticker`, `shares_live_location`, `sends_red_packet_notice`, `calls` | |
| `faults/add` | `call`, `fault` (drop, lose_answer, server_error, hang, garbage, truncate, partial, empty, ret), `times`, `probability`, `ret`, `errmsg`, `status`, `seconds`, `account` |
| `faults/clear`, `codes/expire` | |
| `settings` | any of `model.Settings` |

iLink: the chat "ClawBot" of an account's owner, or with `person` (a name, or an id) that of somebody else with the same
bot. `phone/scan` and `phone/confirm` do its logins, too.

| GET | parameters | answer |
| --- | --- | --- |
| `clawbot` | `account`, `person` | the person's id, the bot, what it may still send, other persons |
| `clawbot/inbox` | `account`, `person`; `n`, `timeout_s` | what the bot sent and the phone shows; waits until there are `n` |
| `clawbot/sent` | `account` | all that the service accepted of the bots |
| `clawbot/updates` | `account`, `all_bots` | what the present bot, or each that there was, got, and whether it was taken and acknowledged |
| `ilink/options` | | how the service behaves (`ilink.options`) |

| POST | parameters |
| --- | --- |
| `clawbot/says` | `account`, `person`, `text`; `quotes` a `msg_id`, `form` (id, content), `part` of its text; `repeat` (same_id, new_id, no_id) |
| `clawbot/sends_image`, `clawbot/sends_voice`, `clawbot/sends_video`, `clawbot/sends_file` | the medium as above; `name`, `seconds`, `transcript`; `spelling` of the key (raw, hex), `encrypted`, `wrong_key`; `repeat` |
| `clawbot/sends_item` | `item_type`, and the members of the item |
| `clawbot/sends_again` | `msg_id`, `repeat`: a message comes once more |
| `clawbot/opens`, `clawbot/window_closes` | `account`, `person`: look at the chat; let the time pass in which the bot may send |
| `clawbot/restrict` | `account`, `person`, `on`: what is sent to the person is accepted, and not shown |
| `clawbot/binds` | `account`: the owner binds a bot elsewhere, so that the present one gets -14 |
| `clawbot/goes_stale`, `clawbot/heals` | `account`: calls of the bot get -14; they do no longer |
| `ilink/options` | any of `ilink.options.ILinkOptions` |
"""  # noqa: E501

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Awaitable
from typing import Any

from aiohttp import web

from .calls import parse_body
from .control_request import BadParameterError, ControlRequest
from .faults import Faults
from .ilink import control as ilink
from .ilink import views as clawbot
from .model import Chat
from .phone import LoginCodes, Phone
from .scenario import GroupActor, MemberActor, PersonActor
from .settings import assign
from .state import Account, World
from .verbs import KINDS, Action, verb, verbs
from .views import chat_view, entry_view, name_of, view

# Actions that are no single method


def _state(request: ControlRequest) -> dict[str, Any]:
    world = request.world
    return {
        "accounts": view(world.accounts),
        "codes": [
            {"uuid": code.uuid, "state": code.state, "kind": code.kind}
            for code in world.codes.pending()
        ],
        "settings": dataclasses.asdict(world.settings),
        "faults": view(world.faults.rules),
        "calls": len(world.calls),
    }


def _chats(request: ControlRequest) -> list[Any]:
    """List the chats whose names contain `search`."""
    account, search = request.account, request.text("search", "").casefold()
    chats: list[Chat] = [*account.groups, account.filehelper, *account.people]
    found = [c for c in account.conversations.all(chats) if search in name_of(c.chat).casefold()]
    bots = [account.clawbot] if account.clawbot.bots else []
    shown = [clawbot.chat_view(one) for one in bots if search in clawbot.CHAT_NAME.casefold()]
    return shown + [chat_view(account, one) for one in found[: request.count("limit", 200) or 200]]


def _chat(request: ControlRequest) -> dict[str, Any]:
    """Show a chat with its last messages; `before` a `msg_id`, those before it."""
    account = request.account
    before, limit = request.text("before", ""), request.count("limit", 60) or 60
    if before and not before.isdecimal():
        raise BadParameterError("before should be a msg_id")
    if "clawbot" in request.params:
        return clawbot.messages_view(account.clawbot, limit, before)
    conversation = account.conversations.of(request.chat)
    entries = conversation.entries
    if before:
        entries = [entry for entry in entries if entry.number < int(before)]
    return {
        **chat_view(account, conversation),
        "messages": [entry_view(account, entry) for entry in entries[-limit:]],
        "more": len(entries) > limit,
    }


def _handed_out(request: ControlRequest) -> dict[str, Any]:
    account = request.account
    return {
        "msg_ids": list(account.handed_out),
        "happened": len(account.timeline),
        "acknowledged": account.acknowledged,
    }


def _medium(request: ControlRequest) -> dict[str, Any]:
    medium = request.account.media.get(request.text("media_id"))
    if medium is None:
        raise LookupError("the account uploaded nothing with this media_id")
    return {**view(medium), "data": base64.b64encode(medium.data).decode()}


def _calls(request: ControlRequest) -> list[Any]:
    name, fault, world = request.text("name", ""), request.text("fault", ""), request.world
    calls = world.calls_of(name) if name else list(world.calls)
    if fault:
        calls = [call for call in calls if call.fault == fault]
    return calls[-(request.count("last", 100) or 100) :]


def _add_account(request: ControlRequest) -> Account:
    sizes = {
        name: int(request.number(name) or 0)
        for name in ("friends", "groups", "biggest_group", "group_members", "public_accounts")
        if name in request.params
    }
    return request.world.add_account(request.text("name", ""), **sizes)


def _desktop_only(request: ControlRequest) -> None:
    request.account.desktop_only = bool(request.params.get("on", True))


def _is_accepted(request: ControlRequest) -> Any:
    name, sent = request.text("name"), request.account.friend_requests_sent
    found = [i.person for i in sent if name in (i.person.nickname, str(i.person.key))]
    if not found:
        raise LookupError(f"the account did not ask {name!r} to be friends")
    return found[-1].accepts_me()


def _add_group(request: ControlRequest) -> GroupActor:
    people = dict.fromkeys(request.person(name) for name in request.lines("members"))
    return request.account.add_group(request.text("name", ""), [*people])


def _add_member(request: ControlRequest) -> MemberActor:
    group, person = request.group, request.person(request.text("member"))
    if person.key in group.members:
        raise BadParameterError(f"{person} is in {group} already")
    return group.add_member(person, by=request.actor)


def _accepts_invitation(request: ControlRequest) -> MemberActor:
    group, name = request.group, request.text("member")
    found = [p for p in group.invited if name in (p.nickname, str(p.key))]
    if not found:
        raise LookupError(f"{name!r} was not invited to {group}")
    return group.accepts_invitation(found[0])


def _settings(request: ControlRequest) -> dict[str, Any]:
    assign(request.world.settings, request.params)
    return dataclasses.asdict(request.world.settings)


GETS: dict[str, Action] = {
    **ilink.GETS,
    "state": _state,
    "chats": _chats,
    "chat": _chat,
    "inbox": lambda request: request.inbox_of(request.chat),
    "handed_out": _handed_out,
    "medium": _medium,
    "calls": _calls,
    "friends": lambda request: request.account.friends,
    "system_accounts": lambda request: request.account.system_accounts,
    "groups": lambda request: request.account.groups,
    "members": lambda request: list(request.group.members.values()),
    "sent": lambda request: request.account.sent,
    "media": lambda request: list(request.account.media.values()),
    "friend_requests": lambda request: request.account.friend_requests,
    "friend_requests_sent": lambda request: request.account.friend_requests_sent,
}
POSTS: dict[str, Action] = {
    **ilink.POSTS,
    **verbs(
        "phone", lambda request: request.account.phone, Phone, *KINDS,
        "confirm", "cancel", "logs_out_web", "opens", "leaves", "says", "recalls", "mentions", "announces",
        "accepts", "leaves_group", "remarks", "deletes", "renames_me",
    ),
    **verbs(
        "friend", lambda request: request.friend, PersonActor, *KINDS,
        "says", "recalls", "renames", "changes_avatar", "unfriends_me",
    ),
    **verbs(
        "group", lambda request: request.group, GroupActor, *(f"member_{kind}" for kind in KINDS),
        "member_says", "member_mentions", "member_announces", "member_recalls", "remove_member", "rename", "notice",
    ),
    **verbs(
        "account", lambda request: request.account, Account,
        "asks_to_be_friends", "refuse_login", "allow_login",
    ),
    "phone/scan": verb(lambda request: request.account.phone, Phone, "scan", timeout_s=10),
    "account/add": _add_account,
    "account/ends_session": verb(
        lambda request: request.account, Account, "end_session", ret=1101
    ),
    "account/desktop_only": _desktop_only,
    "account/is_accepted": _is_accepted,
    "friend/add": verb(lambda request: request.account, Account, "add_friend"),
    "group/add": _add_group,
    "group/add_member": _add_member,
    "group/accepts_invitation": _accepts_invitation,
    "faults/add": verb(lambda request: request.world.faults, Faults, "add"),
    "faults/clear": verb(lambda request: request.world.faults, Faults, "clear"),
    "codes/expire": verb(lambda request: request.world.codes, LoginCodes, "expire_all"),
    "settings": _settings,
}  # fmt: skip


def add_routes(app: web.Application, world: World) -> None:
    """Serve the verbs; any other request under `/_simulator/` is answered with a list of them."""

    async def answer(request: web.Request) -> web.Response:
        path, actions = request.match_info["path"], {"GET": GETS, "POST": POSTS}
        action = actions.get(request.method, {}).get(path)
        if action is None:
            there_is = [f"{method} {name}" for method in actions for name in actions[method]]
            return _json({"error": f"no {request.method} {path}", "there_is": there_is}, 404)
        params = {**request.query, **parse_body(await request.read(), request.content_type)}
        try:
            _require_texts(params)
            reply = action(ControlRequest(world, params))
            if isinstance(reply, Awaitable):
                reply = await reply
        except (BadParameterError, ValueError) as error:
            return _json({"error": str(error)}, 400)
        except LookupError as error:
            return _json({"error": str(error)}, 404)
        except TimeoutError as error:
            return _json({"error": str(error)}, 408)
        if request.method == "POST":
            world.control_pulse.notify()
        return _json(view(reply), 200)

    app.router.add_route("*", "/_simulator/{path:.*}", answer)


def _require_texts(params: dict[str, Any]) -> None:
    """Refuse lone surrogates, in names and in values: JSON can express them, and no answer can carry them."""
    try:
        json.dumps(params, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        words = "a parameter has half of a surrogate pair, which is not a character"
        raise BadParameterError(words) from None


def _json(body: Any, status: int) -> web.Response:
    return web.json_response(
        body, status=status, dumps=lambda value: json.dumps(value, ensure_ascii=False, default=str)
    )
