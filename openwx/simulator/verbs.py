"""What people send, as verbs of a person, of a group's members and of the owner's phone.

One kind of message is one function in `kinds` or `shares`; here it gets its three names.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar, cast

from . import kinds, shares
from .kinds import Draft

if TYPE_CHECKING:
    from .people import Group, Member, Person
    from .phone import Phone
    from .timeline import Chat, Message

P = ParamSpec("P")
Made = TypeVar("Made", bound=Callable[..., object])


def _by_person(
    make: Callable[Concatenate[Person, P], Draft],
) -> Callable[Concatenate[Person, P], Message]:
    def sends(self: Person, /, *args: P.args, **kwargs: P.kwargs) -> Message:
        account = self.account
        return account.deliver(self, account.owner, make(self, *args, **kwargs))

    return _documented(sends, make)


def _by_member(
    make: Callable[Concatenate[Person, P], Draft],
) -> Callable[Concatenate[Group, Member | Person | str, P], Message]:
    def member_sends(
        self: Group, member: Member | Person | str, /, *args: P.args, **kwargs: P.kwargs
    ) -> Message:
        person = self.speaker(member)
        draft = make(person, *args, **kwargs)
        # A system notice has no sender, in a group neither.
        who = None if draft.msg_type == 10000 else person
        return self.account.deliver(self, self.account.owner, draft, member=who)

    return _documented(member_sends, make)


def _by_phone(
    make: Callable[Concatenate[Person, P], Draft],
) -> Callable[Concatenate[Phone, Chat, P], Message]:
    def sends(self: Phone, chat: Chat, /, *args: P.args, **kwargs: P.kwargs) -> Message:
        owner = self.account.owner
        return self.account.deliver(owner, chat, make(owner, *args, **kwargs))

    return _documented(sends, make)


def _documented(verb: Made, make: Callable[..., object]) -> Made:
    return cast("Made", functools.update_wrapper(verb, make, assigned=("__doc__",), updated=()))


class PersonVerbs:
    """What somebody sends to the account."""

    __slots__ = ()

    sends_image = _by_person(kinds.image)
    sends_voice = _by_person(kinds.voice)
    sends_video = _by_person(kinds.video)
    sends_short_video = _by_person(kinds.short_video)
    sends_sticker = _by_person(kinds.sticker)
    sends_shop_sticker = _by_person(kinds.shop_sticker)
    sends_app_sticker = _by_person(shares.app_sticker)
    sends_file = _by_person(shares.file)
    sends_location = _by_person(kinds.location)
    sends_location_48 = _by_person(kinds.location_48)
    shares_live_location = _by_person(shares.live_location)
    sends_link = _by_person(shares.link)
    sends_mini_program = _by_person(shares.mini_program)
    transfers = _by_person(shares.transfer)
    sends_red_packet = _by_person(shares.red_packet)
    sends_red_packet_notice = _by_person(kinds.red_packet_notice)
    sends_chat_record = _by_person(shares.chat_record)
    sends_card = _by_person(kinds.card)
    calls = _by_person(kinds.call)


class GroupVerbs:
    """What a member sends in a group: the member is the first argument."""

    __slots__ = ()

    member_sends_image = _by_member(kinds.image)
    member_sends_voice = _by_member(kinds.voice)
    member_sends_video = _by_member(kinds.video)
    member_sends_short_video = _by_member(kinds.short_video)
    member_sends_sticker = _by_member(kinds.sticker)
    member_sends_shop_sticker = _by_member(kinds.shop_sticker)
    member_sends_app_sticker = _by_member(shares.app_sticker)
    member_sends_file = _by_member(shares.file)
    member_sends_location = _by_member(kinds.location)
    member_sends_location_48 = _by_member(kinds.location_48)
    member_shares_live_location = _by_member(shares.live_location)
    member_sends_link = _by_member(shares.link)
    member_sends_mini_program = _by_member(shares.mini_program)
    member_transfers = _by_member(shares.transfer)
    member_sends_red_packet = _by_member(shares.red_packet)
    member_sends_red_packet_notice = _by_member(kinds.red_packet_notice)
    member_sends_chat_record = _by_member(shares.chat_record)
    member_sends_card = _by_member(kinds.card)
    member_calls = _by_member(kinds.call)


class PhoneVerbs:
    """What the owner sends on the phone: the chat is the first argument."""

    __slots__ = ()

    sends_image = _by_phone(kinds.image)
    sends_voice = _by_phone(kinds.voice)
    sends_video = _by_phone(kinds.video)
    sends_short_video = _by_phone(kinds.short_video)
    sends_sticker = _by_phone(kinds.sticker)
    sends_shop_sticker = _by_phone(kinds.shop_sticker)
    sends_app_sticker = _by_phone(shares.app_sticker)
    sends_file = _by_phone(shares.file)
    sends_location = _by_phone(kinds.location)
    sends_location_48 = _by_phone(kinds.location_48)
    shares_live_location = _by_phone(shares.live_location)
    sends_link = _by_phone(shares.link)
    sends_mini_program = _by_phone(shares.mini_program)
    transfers = _by_phone(shares.transfer)
    sends_red_packet = _by_phone(shares.red_packet)
    sends_red_packet_notice = _by_phone(kinds.red_packet_notice)
    sends_chat_record = _by_phone(shares.chat_record)
    sends_card = _by_phone(kinds.card)
    calls = _by_phone(kinds.call)
