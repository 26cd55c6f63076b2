"""Sentences for the events of reports. ``feed`` shows them."""

from collections.abc import Mapping
from typing import Any

from openwx.console.translation import Translator
from openwx.console.wording import property_value, ret_words
from openwx.reporter.payload import Payload


def event_words(payload: Payload, t: Translator) -> str:  # noqa: C901  a table: one case an event
    """Say in a sentence what happened."""
    params: list[Any] = payload["params"]
    match payload["event"], params:
        case "login", [-1, _, int(ret), str(errmsg)]:
            return _refusal(ret, errmsg, t)
        case "login", [-1, *_]:  # a former version's
            return t("event.login_refused")
        case "login", [0, *_]:
            return t("event.login_resumed")
        case "login", _:
            return t("event.login")
        case "stop", _:
            return t("event.stop")
        case "state_change", [old, new, *_]:
            return t(
                "event.state", old=t.of_code("state", str(old)), new=t.of_code("state", str(new))
            )
        case "input_qrcode", _:
            return t("event.qrcode")
        case "qrcode_expire", _:
            return t("event.qrcode_expired")
        case "new_friend", [friend, *_]:
            return t("event.new_friend", name=_name(friend))
        case "lose_friend", [friend, *_]:
            return t("event.lost_friend", name=_name(friend))
        case "new_group", [group, *_]:
            return t("event.new_group", name=_name(group))
        case "lose_group", [group, *_]:
            return t("event.lost_group", name=_name(group))
        case "new_group_member", [member, group, *_]:
            return t("event.new_member", name=_name(member), group=_name(group))
        case "lose_group_member", [member, group, *_]:
            return t("event.lost_member", name=_name(member), group=_name(group))
        case "friend_request", [_, name, words, *_]:
            return t("event.friend_request", name=name, words=words)
        case str(event), [owner, name, old, new, *_] if event.endswith("_property_change"):
            return t(
                "event.property",
                name=_name(owner),
                property=t.of_code("property", str(name)),
                old=property_value(name, old, t),
                new=property_value(name, new, t),
            )
        case str(event), _ if event.startswith("update_"):
            return t("event.contacts")
        case event, _:
            return str(event)


def _refusal(ret: int, errmsg: str, t: Translator) -> str:
    words = t("health.refused.why", why=ret_words(ret, t))
    return f"{words} “{errmsg}”" if errmsg else words


def _name(thing: object) -> str:
    return str(thing.get("displayname", "")) if isinstance(thing, Mapping) else str(thing)
