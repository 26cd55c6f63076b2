"""The control API's verbs for messages of each kind: of a friend, a member, the owner's phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from .asked import Asked
from .timeline import Message

Arguments: TypeAlias = Callable[[Asked], tuple[Any, ...]]
Verb: TypeAlias = Callable[[Asked], Message]


def _place(asked: Asked) -> tuple[Any, ...]:
    return (
        asked.text("place"), asked.number("latitude", 22.54), asked.number("longitude", 113.93)
    )  # fmt: skip


def _told(asked: Asked) -> int | None:
    return asked.count("told_size", None)


_KINDS: dict[str, Arguments] = {
    "sends_image": lambda asked: (asked.medium("jpeg"), _told(asked)),
    "sends_voice": lambda asked: (asked.medium("mp3"), asked.number("seconds", 3)),
    "sends_video": lambda asked: (asked.medium("mp4"), asked.number("seconds", 5), _told(asked)),
    "sends_short_video": lambda asked: (
        asked.medium("mp4"), asked.number("seconds", 5), _told(asked),
    ),
    "sends_sticker": lambda asked: (asked.medium("gif"), _told(asked)),
    "sends_app_sticker": lambda asked: (asked.medium("gif"), _told(asked)),
    "sends_shop_sticker": lambda asked: (),
    "sends_file": lambda asked: (asked.text("name"), asked.medium("png"), _told(asked)),
    "sends_location": _place,
    "sends_location_48": _place,
    "shares_live_location": lambda asked: (),
    "sends_link": lambda asked: tuple(
        asked.text(name, *default)
        for name, *default in (
            ("title",), ("desc", ""), ("url", ""), ("app_name", ""), ("app_id", ""),
        )
    ),
    "sends_mini_program": lambda asked: (asked.text("title"), asked.text("app_name")),
    "transfers": lambda asked: (asked.number("amount"), asked.text("memo", "")),
    "sends_red_packet": lambda asked: (asked.text("words", "恭喜发财，大吉大利"),),
    "sends_red_packet_notice": lambda asked: (),
    "sends_chat_record": lambda asked: (
        asked.text("title"), asked.lines("lines"), asked.count("app_msg_type", 19),
    ),
    "sends_card": lambda asked: (asked.person("person"),),
    "calls": lambda asked: (),
}  # fmt: skip


def _of_friend(name: str, arguments: Arguments) -> Verb:
    return lambda asked: getattr(asked.friend, name)(*arguments(asked))


def _of_member(name: str, arguments: Arguments) -> Verb:
    return lambda asked: getattr(asked.group, name)(asked.text("member"), *arguments(asked))


def _of_phone(name: str, arguments: Arguments) -> Verb:
    return lambda asked: getattr(asked.account.phone, name)(asked.chat, *arguments(asked))


POSTS: dict[str, Verb] = {
    **{f"friend/{name}": _of_friend(name, arguments) for name, arguments in _KINDS.items()},
    **{
        f"group/member_{name}": _of_member(f"member_{name}", arguments)
        for name, arguments in _KINDS.items()
    },
    **{f"phone/{name}": _of_phone(name, arguments) for name, arguments in _KINDS.items()},
}
