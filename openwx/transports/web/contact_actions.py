"""What an account changes: groups, remark names, pinned chats, friends (protocol reference, section 7).

What WeChat says was done is in the contacts, and told, when a method returns. When the sync tells the same
later, it finds nothing new.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence

import msgspec

from openwx.domain.contacts import Chat, Friend, Group, Member
from openwx.domain.events import Event
from openwx.domain.text import written
from openwx.errors import BadResponse, CallerError, Code, Rejected
from openwx.timing import Timing
from openwx.transports.web import friends as friend_calls
from openwx.transports.web import groups as group_calls
from openwx.transports.web import send, wire
from openwx.transports.web.client import Client
from openwx.transports.web.contacts import WebContacts, is_group
from openwx.transports.web.ids import new_client_msg_id
from openwx.transports.web.mutations import MutationRunner, unknown
from openwx.transports.web.records import is_no_contact

_CREATION = "a group that is being made"
"""One after the other: a new group is then known to be the one that was asked for."""


class Joined(msgspec.Struct, frozen=True):
    """What became of people who were to join a group. ``left_out``: the ids of those who must agree first."""

    group_id: str
    left_out: tuple[str, ...] = ()


class ContactActions:
    """One account's. Objects that are passed in are those of the present contacts.

    All raise ``CallerError`` for what cannot be done or whose outcome is unknown, and ``WeChatError`` where WeChat
    refuses or cannot be reached. ``require`` raises ``CallerError`` where nothing may be begun, ``tell`` tells events.
    """

    def __init__(
        self,
        client: Client,
        pace: Timing,
        interval_s: float,
        *,
        require: Callable[[], object],
        tell: Callable[[list[Event]], Awaitable[None]],
    ) -> None:
        self._client = client
        self._tell_events = tell
        self._doing = MutationRunner(client, pace, interval_s, require)
        # What can be taken back for two minutes only does not wait behind everything else.
        self._recalling = MutationRunner(client, pace, interval_s)

    def heard(self) -> None:
        """To be called when the client has told of something: it may show how a change ended."""
        self._doing.heard()

    # -- groups ----------------------------------------------------------------------------------------------

    async def create_group(self, friends: Sequence[Friend], name: str) -> Joined:
        """A group of the user and these friends; an empty name is none."""
        async with self._doing.turn(_CREATION) as contacts:
            ids = [friend.id for friend in friends]
            before = set(contacts.groups)

            def appeared() -> list[str]:
                whole = {contacts.user.id, *ids}
                return [
                    id
                    for id, group in contacts.groups.items()
                    if id not in before and group.name == name and group.members.keys() == whole
                ]

            reply = await self._doing.once(lambda s: group_calls.create(s, ids, name), appeared)
            if reply is not None and is_group(reply.ChatRoomName):
                joining, _ = wire.each(reply.MemberList, wire.JoiningMember)
                out = {
                    *reply.BlackList.split(","),
                    *(m.UserName for m in joining if m.MemberStatus),
                }
                await self._put_new_group(contacts, reply, name, out)
                return Joined(reply.ChatRoomName, tuple(id for id in ids if id in out))
            if not await self._doing.becomes(appeared) or len(appeared()) != 1:
                raise unknown(BadResponse("webwxcreatechatroom", "no answer names the new group"))
            return Joined(appeared()[0])

    async def _put_new_group(
        self, contacts: WebContacts, reply: wire.CreateGroupReply, name: str, out: set[str]
    ) -> None:
        id = reply.ChatRoomName
        record = await self._doing.fetch(id)
        if record is None or not record.MemberList:
            joining, _ = wire.each(reply.MemberList, wire.JoiningMember)
            there = [member.UserName for member in joining if member.UserName not in out]
            record = _with_members(id, [contacts.user.id, *there])
            record.NickName = written(name)
        if id not in contacts.groups:  # else the sync was quicker, and told it
            await self._tell(contacts, contacts.put_group(record))

    async def invite(self, group: Group, friends: Sequence[Friend]) -> Joined:
        """Have friends join a group, or where it is big, ask them to. Those who are in it already count as done."""
        async with self._doing.turn(group.id) as contacts:
            group = _present(contacts, group)
            ids = [friend.id for friend in friends if friend.id not in group.members]
            if not ids:
                words = (
                    "they are in the group already" if len(friends) > 1 else "already in the group"
                )
                raise CallerError(Code.NOT_POSSIBLE, words)
            joined = None
            if len(group.members) < self._client.invite_start_count:
                joined = await self._add(contacts, group, ids)
            if joined is None:
                await self._doing.once(lambda s: group_calls.invite(s, group.id, ids))
                joined = Joined(group.id)
            return joined

    async def _add(self, contacts: WebContacts, group: Group, ids: list[str]) -> Joined | None:
        """Have friends join at once; None where WeChat accepted that they are asked instead."""

        def all_there() -> bool:
            return (
                group.id in contacts.groups and set(ids) <= contacts.groups[group.id].members.keys()
            )

        try:
            reply = await self._doing.once(lambda s: group_calls.add(s, group.id, ids), all_there)
        except Rejected as refusal:
            # It does not say why: perhaps the group is too big for that, in WeChat's eyes.
            if type(refusal) is not Rejected or not await self._doing.again():
                raise
            try:
                await self._doing.once(lambda s: group_calls.invite(s, group.id, ids))
            except Rejected as second:
                raise (refusal if type(second) is Rejected else second) from None
            return Joined(group.id)
        if reply is None:
            return Joined(group.id)
        joining, _ = wire.each(reply.MemberList, wire.JoiningMember)
        statuses = {member.UserName: member.MemberStatus for member in joining}
        there = [id for id in ids if statuses.get(id, 0) == 0]
        if not there:
            words = "nobody joined: WeChat says that they must agree to be friends first"
            raise CallerError(Code.NOT_POSSIBLE, words, left_out=ids)
        record = _with_members(group.id, there)
        record.MemberCount += len(group.members)  # so that the others stay
        await self._tell(contacts, contacts.put_group(record))
        return Joined(group.id, tuple(id for id in ids if id not in there))

    async def kick(self, group: Group, members: Sequence[Member]) -> None:
        """Remove members; WeChat lets the owner of a group alone do so."""
        ids = [member.id for member in members]
        async with self._doing.turn(group.id) as contacts:

            def all_gone() -> bool:
                present = contacts.groups.get(group.id)
                return present is not None and present.members.keys().isdisjoint(ids)

            await self._doing.once(lambda s: group_calls.remove(s, group.id, ids), all_gone)
            await self._tell(contacts, contacts.remove_members(group.id, ids))

    async def rename_group(self, group: Group, name: str) -> None:
        async with self._doing.turn(group.id) as contacts:

            def is_so() -> bool:
                return group.id in contacts.groups and contacts.groups[group.id].name == name

            await self._doing.once(lambda s: group_calls.rename(s, group.id, name), is_so)
            if group.id in contacts.groups:
                record = wire.Contact(group.id, NickName=written(name))
                await self._tell(contacts, contacts.put_group(record))

    # -- people and chats ------------------------------------------------------------------------------------

    async def set_markname(self, person: Friend | Member, markname: str) -> None:
        """Give somebody a remark name, or with an empty one take it away."""
        async with self._doing.turn(person.id) as contacts:
            await self._doing.repeated(lambda s: friend_calls.set_markname(s, person.id, markname))
            await self._tell(contacts, contacts.put_markname(person.id, markname))

    async def stick(self, chat: Chat, *, on: bool) -> None:
        """Pin a chat to the top, or unpin it."""
        async with self._doing.turn(chat.id) as contacts:
            friend = contacts.friends.get(chat.id)
            markname = friend.markname if friend else ""
            await self._doing.repeated(lambda s: friend_calls.stick(s, chat.id, markname, on=on))

    async def make_friend(self, member: Member, words: str) -> None:
        """Ask a member of a group to be a friend. His answer, if one comes, is told by the sync."""
        async with self._doing.turn(member.id):
            await self._doing.once(lambda s: friend_calls.ask(s, member.id, words))

    async def accept(self, id: str, ticket: str) -> None:
        """Accept who asked to be a friend."""
        async with self._doing.turn(id) as contacts:
            await self._doing.once(
                lambda s: friend_calls.accept(s, id, ticket), lambda: id in contacts.friends
            )
            if id in contacts.friends:
                return
            record = await self._doing.fetch(id)
            if record is None or not record.NickName or is_no_contact(record):
                return
            if id not in contacts.friends:
                await self._tell(contacts, contacts.put_friend(record))

    # -- messages --------------------------------------------------------------------------------------------

    async def revoke(self, msg_id: str, chat_id: str) -> None:
        """Take back a message that was sent to a chat."""
        client_msg_id = new_client_msg_id()
        async with self._recalling.turn(msg_id):
            await self._recalling.repeated(lambda s: send.revoke(s, msg_id, chat_id, client_msg_id))

    async def _tell(self, contacts: WebContacts, events: list[Event]) -> None:
        """What is no news for whoever has logged in anew meanwhile is not told."""
        if contacts is self._client.contacts:
            await self._tell_events(events)


def _present(contacts: WebContacts, group: Group) -> Group:
    """The group as it is when its turn has come."""
    present = contacts.groups.get(group.id)
    if present is None:
        raise CallerError(Code.NOT_FOUND, f"{group.displayname} is gone; nothing was done")
    return present


def _with_members(group_id: str, ids: Iterable[str]) -> wire.Contact:
    """The record of a group with members of whom the ids are enough."""
    records = [msgspec.Raw(msgspec.json.encode({"UserName": id})) for id in dict.fromkeys(ids)]
    return wire.Contact(group_id, MemberList=records, MemberCount=len(records))
