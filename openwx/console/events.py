"""Events as people read them, made of the uploads that tell of them."""

import re
from collections.abc import Mapping
from typing import Any

from openwx.console.health import Translate, ret_words
from openwx.reporter.payload import Payload


def event_words(payload: Payload, t: Translate) -> str:  # noqa: C901  a table: one case an event
    """What happened, in a sentence."""
    params: list[Any] = payload["params"]
    match payload["event"], params:
        case "login", [-1, reason, *_]:
            return _refusal(str(reason), t)
        case "login", [0, *_]:
            return t("The saved login goes on")
        case "login", _:
            return t("Logged in")
        case "stop", _:
            return t("The account stopped")
        case "state_change", [old, new, *_]:
            return t("State: {old} → {new}", old=t(f"state {old}"), new=t(f"state {new}"))
        case "input_qrcode", _:
            return t("QR code ready to scan")
        case "qrcode_expire", _:
            return t("The QR code expired")
        case "new_friend", [friend, *_]:
            return t("{name} is a friend now", name=_name(friend))
        case "lose_friend", [friend, *_]:
            return t("{name} is no friend any more", name=_name(friend))
        case "new_group", [group, *_]:
            return t("The account is in the group {name} now", name=_name(group))
        case "lose_group", [group, *_]:
            return t("The account is not in the group {name} any more", name=_name(group))
        case "new_group_member", [member, group, *_]:
            return t("{name} joined {group}", name=_name(member), group=_name(group))
        case "lose_group_member", [member, group, *_]:
            return t("{name} left {group}", name=_name(member), group=_name(group))
        case "friend_request", [_, name, words, *_]:
            return t("{name} asks to be a friend: {words}", name=name, words=words)
        case str(event), [owner, prop, old, new, *_] if event.endswith("_property_change"):
            return t(
                "{name}: {property} was {old}, and is {new}",
                name=_name(owner), property=prop, old=old or "—", new=new or "—",
            )  # fmt: skip
        case str(event), _ if event.startswith("update_"):
            return t("The contacts were fetched afresh")
        case event, _:
            return str(event)


_RET = re.compile(r"\((-?[0-9]{1,9})\) ?(.*)", re.DOTALL)
"""In the reason of a login that was refused: WeChat's code, and its own words after it."""


def _refusal(reason: str, t: Translate) -> str:
    found = _RET.search(reason)
    if found is None:
        return t("WeChat refused the login: {why}", why=reason)
    words = t("WeChat refused the login: {why}", why=ret_words(int(found[1]), t))
    return f"{words} “{found[2]}”" if found[2] else words


def _name(thing: object) -> str:
    return str(thing.get("displayname", "")) if isinstance(thing, Mapping) else str(thing)
