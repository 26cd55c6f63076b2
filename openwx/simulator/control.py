"""The scenario vocabulary over HTTP, on the simulator's own port, under `/_simulator/`.

Parameters come from the query or from a JSON object in the body. `account` is a number, name or Uin
(the first unless given); `friend` and `group` are a name, or the `key` that the lists show where names
are ambiguous; `member` is a name in the group, nickname or `key`. Answers are JSON; a failure is
`{"error": "plain words"}` with status 400 (bad parameter), 404 (no such thing) or 408 (it did not
happen in time).

| GET | parameters | answer |
| --- | --- | --- |
| `state` | | overview: accounts, login codes, settings, faults, number of calls |
| `friends`, `system_accounts`, `groups` | `account` | lists with `key`, names, counts |
| `members` | `account`, `group` | the group's members |
| `chats` | `account`, `search`, `limit` (200) | the chats as the phone lists them: last message, unread |
| `chat` | `account`, `friend` or `group`; `limit` (60), `before` a `msg_id` | what was said there, in both directions |
| `inbox` | `account`, `friend` or `group`; `n`, `timeout_s` | what the account sent to this chat; waits until there are `n` |
| `sent` | `account` | all that the account sent |
| `media` | `account` | what the account uploaded: MediaId, name, kind, size, MD5 |
| `medium` | `account`, `media_id` | one of these with its bytes (`data`, base64) |
| `friend_requests`, `friend_requests_sent` | `account` | who asked the account to be friends, and whom it asked |
| `handed_out` | `account` | MsgIds that webwxsync gave out; how many events happened and were acknowledged |
| `changes` | | Server-Sent Events: a number for each thing that can change, whenever one did |
| `attachment` | `account`, `msg_id` | the bytes of a message's picture, voice, film or file |
| `login_code` | `uuid` | the QR code as PNG |
| `calls` | `name`, `last` (100) | the calls that came: name, time, query, body, fault |

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
| `phone/accepts` | `account`, `name`: yes to somebody who asked to be friends |
| `phone/leaves_group` | `account`, `group` |
| `phone/recalls` | `account`, `msg_id` of what the phone or the web client sent |
| `phone/remarks`, `phone/deletes`, `phone/renames_me` | `account`, `friend`, `name` |
| `friend/says`, `friend/renames`, `friend/unfriends_me`, `friend/changes_avatar` | `account`, `friend`, `text` or `name` |
| `friend/recalls`, `group/member_recalls` | `account`, `friend` or `group`, `msg_id` |
| `friend/add` | `account`, `name` |
| `account/asks_to_be_friends` | `account`, `name`, `words`: somebody wants to be a friend |
| `account/is_accepted` | `account`, `name`: somebody whom the account asked says yes |
| `group/member_says` | `account`, `group`, `member`, `text` |
| `group/add` | `account`, `name`, `members`: friends, or names of strangers |
| `group/add_member`, `group/remove_member`, `group/rename` | `account`, `group`, `member` or `name`; `by` a member (the group's owner) |
| `group/notice` | `account`, `group`, `text` |
| `group/accepts_invitation` | `account`, `group`, `member`: an invited friend joins |
| `friend/` **or** `phone/` and one of the verbs below; `group/member_` and the same | `account`, `friend` or `group`, `member`, and what the verb needs |
| … `sends_image`, `sends_sticker`, `sends_app_sticker` | the medium: `data` (base64), or `sample` (png, jpeg, gif, mp3, mp4), or `size` and `seed` (noise); none: a fitting sample. Of all but voices `told_size`: the bytes that the message tells, where it is wrong (0: it tells none) |
| … `sends_voice`, `sends_video`, `sends_short_video` | the medium, `seconds` |
| … `sends_file` | `name`, the medium |
| … `sends_location`, `sends_location_48` | `place`, `latitude`, `longitude` |
| … `sends_link` | `title`, `desc`, `url`, `app_name`, `app_id` |
| … `sends_mini_program` | `title`, `app_name` |
| … `transfers` | `amount`, `memo` |
| … `sends_red_packet` | `words` |
| … `sends_chat_record` | `title`, `lines`, `app_msg_type` (19 or 0) |
| … `sends_card` | `person`: a friend, or the name of a stranger |
| … `sends_shop_sticker`, `shares_live_location`, `sends_red_packet_notice`, `calls` | |
| `faults/add` | `call`, `fault` (drop, lose_answer, server_error, hang, garbage, truncate, partial, empty, ret), `times`, `probability`, `ret`, `errmsg`, `status`, `seconds`, `account` |
| `faults/clear`, `codes/expire` | |
| `settings` | any of `world.Settings` |
"""  # noqa: E501

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Awaitable
from typing import Any

from aiohttp import web

from . import control_chats, control_people, control_sends
from .asked import Asked, BadParameterError
from .call import parse_body
from .control_people import Reply, Verb
from .control_views import (
    account_view,
    call_view,
    friend_view,
    group_view,
    heard_view,
    invitation_view,
    medium_view,
    member_view,
    request_view,
    rule_view,
)
from .faults import Fault
from .timeline import Message
from .world import World


def _state(asked: Asked) -> Reply:
    world = asked.world
    return {
        "accounts": [account_view(account) for account in world.accounts],
        "codes": [{"uuid": code.uuid, "state": code.state} for code in world.codes.pending()],
        "settings": dataclasses.asdict(world.settings),
        "faults": [rule_view(rule) for rule in world.faults.rules],
        "calls": len(world.calls),
    }


async def _inbox(asked: Asked) -> Reply:
    chat, wanted = asked.chat, asked.count("n", 0) or 0
    timeout_s = asked.number("timeout_s", 10)
    await asked.account.pulse.until(lambda: len(chat.inbox) >= wanted, timeout_s)
    if len(chat.inbox) < wanted:
        raise TimeoutError(f"{chat} heard {len(chat.inbox)} of {wanted} messages")
    return [heard_view(heard) for heard in chat.inbox]


def _handed_out(asked: Asked) -> Reply:
    account = asked.account
    return {
        "msg_ids": account.handed_out,
        "happened": len(account.timeline),
        "acknowledged": account.acknowledged,
    }


def _medium(asked: Asked) -> Reply:
    medium = asked.account.media.get(asked.text("media_id"))
    if medium is None:
        raise LookupError("the account uploaded nothing with this media_id")
    return {**medium_view(medium), "data": base64.b64encode(medium.data).decode()}


def _calls(asked: Asked) -> Reply:
    name = asked.text("name", "")
    calls = asked.world.calls_of(name) if name else list(asked.world.calls)
    return [call_view(call) for call in calls[-(asked.count("last", 100) or 100) :]]


def _add_account(asked: Asked) -> Reply:
    sizes = {
        name: int(asked.number(name) or 0)
        for name in ("friends", "groups", "biggest_group", "group_members", "public_accounts")
        if name in asked.given
    }
    return account_view(asked.world.add_account(asked.text("name", ""), **sizes))


def _refuse_login(asked: Asked) -> Reply:
    asked.account.refuse_login(asked.count("ret", 1203) or 1203, asked.text("message", ""))
    return None


def _end_session(asked: Asked) -> Reply:
    asked.account.end_session(asked.count("ret", 1101) or 1101)
    return None


def _desktop_only(asked: Asked) -> Reply:
    asked.account.desktop_only = bool(asked.given.get("on", True))
    return None


def _add_fault(asked: Asked) -> Reply:
    try:
        fault = Fault(asked.text("fault"))
    except ValueError:
        names = ", ".join(fault.value for fault in Fault)
        raise BadParameterError(f"fault should be one of {names}") from None
    probability = asked.number("probability", 1.0)
    rule = asked.world.faults.add(
        asked.text("call"), fault, times=asked.count("times", None),
        probability=1.0 if probability is None else probability,
        ret=asked.count("ret", -1) or 0, errmsg=asked.text("errmsg", ""),
        status=asked.count("status", 502) or 502, seconds=asked.number("seconds", None),
        account=asked.account if "account" in asked.given else None,
    )  # fmt: skip
    return rule_view(rule)


def _settings(asked: Asked) -> Reply:
    settings = asked.world.settings
    known = {f.name: type(getattr(settings, f.name)) for f in dataclasses.fields(settings)}
    for name in asked.given:
        if name not in known:
            raise BadParameterError(f"{name} is no setting; there are {', '.join(known)}")
    for name, value in asked.given.items():
        try:
            # From a query all values are words: "false" is not true.
            off = known[name] is bool and str(value).lower() in ("false", "no", "off", "0")
            setattr(settings, name, False if off else known[name](value))
        except (TypeError, ValueError):
            raise BadParameterError(f"{name} should be a {known[name].__name__}") from None
    return dataclasses.asdict(settings)


GETS: dict[str, Verb] = {
    "chats": control_chats.chats,
    "chat": control_chats.chat,
    "state": _state,
    "friends": lambda asked: [friend_view(friend) for friend in asked.account.friends],
    "system_accounts": lambda asked: [friend_view(who) for who in asked.account.system_accounts],
    "groups": lambda asked: [group_view(group) for group in asked.account.groups],
    "members": lambda asked: [member_view(m) for m in asked.group.members.values()],
    "inbox": _inbox,
    "sent": lambda asked: [heard_view(heard) for heard in asked.account.sent],
    "media": lambda asked: [medium_view(medium) for medium in asked.account.media.values()],
    "medium": _medium,
    "friend_requests": lambda asked: [request_view(r) for r in asked.account.friend_requests],
    "friend_requests_sent": lambda asked: [
        invitation_view(i) for i in asked.account.friend_requests_sent
    ],
    "handed_out": _handed_out,
    "calls": _calls,
}
POSTS: dict[str, Verb] = {
    **control_people.POSTS,
    **control_sends.POSTS,
    "account/add": _add_account,
    "account/refuse_login": _refuse_login,
    "account/allow_login": lambda asked: asked.account.allow_login(),
    "account/ends_session": _end_session,
    "account/desktop_only": _desktop_only,
    "faults/add": _add_fault,
    "faults/clear": lambda asked: asked.world.faults.clear(),
    "codes/expire": lambda asked: asked.world.codes.expire_all(),
    "settings": _settings,
}


def add_routes(app: web.Application, world: World) -> None:
    """Serve the verbs; whatever else is asked under `/_simulator/` is told what there is."""

    async def answer(request: web.Request) -> web.Response:
        path, verbs = request.match_info["path"], {"GET": GETS, "POST": POSTS}
        verb = verbs.get(request.method, {}).get(path)
        if verb is None:
            there_is = [f"{method} {name}" for method in verbs for name in verbs[method]]
            return _json({"error": f"no {request.method} {path}", "there_is": there_is}, 404)
        given = {**request.query, **parse_body(await request.read(), request.content_type)}
        try:
            reply = verb(Asked(world, given))
            if isinstance(reply, Awaitable):
                reply = await reply
        except (BadParameterError, ValueError) as error:
            return _json({"error": str(error)}, 400)
        except LookupError as error:
            return _json({"error": str(error)}, 404)
        except TimeoutError as error:
            return _json({"error": str(error)}, 408)
        if request.method == "POST":
            world.control_pulse.beat()
        if isinstance(reply, Message):
            reply = {"msg_id": reply.msg_id}
        return _json({"done": True} if reply is None else reply, 200)

    app.router.add_route("*", "/_simulator/{path:.*}", answer)


def _json(body: dict[str, Any] | list[Any], status: int) -> web.Response:
    return web.json_response(
        body, status=status, dumps=lambda value: json.dumps(value, ensure_ascii=False, default=str)
    )
