"""Changes groups, remark names, pinned chats and friends, and recalls messages (protocol reference, section 7).
``WebTransport.actions`` is this.

When a method returns, the contacts have the change and its events are published. When the sync brings the same change
later, it finds no difference.
"""

from collections.abc import Iterable, Sequence

import msgspec

from openwx.domain.contacts import Chat, Friend, Group, Member
from openwx.domain.events import Event
from openwx.domain.send_ids import new_send_id
from openwx.domain.text import encoded
from openwx.errors import BadResponse, CallerError, Code, Rejected
from openwx.timing import Timing
from openwx.transports.base import ChangeSink, Joined
from openwx.transports.ratelimit import Priority, RateLimiter
from openwx.transports.web import friends as friend_calls
from openwx.transports.web import groups as group_calls
from openwx.transports.web import send, sync, wire
from openwx.transports.web.client import WebClient
from openwx.transports.web.contacts import WebContacts, is_group
from openwx.transports.web.http import Call
from openwx.transports.web.mutations import Mutation, MutationRunner, unknown
from openwx.transports.web.records import is_no_contact
from openwx.transports.web.refresh import ContactRefresh
from openwx.transports.web.session import Session

_CREATION = "a new group"
"""Groups are created one after the other, so that a new group is certainly the one that was asked for."""
_EVERYBODY = "all contacts"


class WebContactActions:
    """Implements ``ContactActions`` for one account. Arguments are objects of the present contacts.

    All raise ``CallerError`` if it cannot be done or its outcome is unknown, and ``WeChatError`` if WeChat refuses or
    cannot be reached. ``changes`` is asked before each change, and gets its events.
    """

    def __init__(
        self,
        client: WebClient,
        timing: Timing,
        limiter: RateLimiter,
        changes: ChangeSink,
    ) -> None:
        self._client = client
        self._sink = changes
        self._changes = MutationRunner(
            client, timing, limiter, Priority.CHANGE, changes.require_writable
        )
        self._recalls = MutationRunner(client, timing, limiter, Priority.RECALL)

    @property
    def pending(self) -> int:
        """The number of changes and recalls that are in progress or wait."""
        return self._changes.pending + self._recalls.pending

    def contacts_changed(self) -> None:
        """Look again whether a change whose answer was lost shows its effect. Called after each batch of the client."""
        self._changes.contacts_changed()

    # -- groups ----------------------------------------------------------------------------------------------

    async def create_group(self, friends: Sequence[Friend], name: str) -> Joined:
        """Create a group of the user and these friends. An empty name is none."""
        async with self._changes.turn(_CREATION) as change:
            contacts = change.contacts
            ids = [friend.id for friend in friends]
            before: set[str] = set()

            def create(session: Session) -> Call[wire.CreateGroupReply]:
                before.update(contacts.groups)
                return group_calls.create(session, ids, name)

            def appeared() -> list[str]:
                everybody = {contacts.user.id, *ids}
                return [
                    id
                    for id, group in contacts.groups.items()
                    if id not in before and group.name == name and group.members.keys() == everybody
                ]

            reply = await change.at_most_once(create, appeared)
            if reply is not None and is_group(reply.ChatRoomName):
                joining, _ = wire.each(reply.MemberList, wire.JoiningMember)
                left_out = {
                    *reply.BlackList.split(","),
                    *(m.UserName for m in joining if m.MemberStatus),
                }
                await self._add_new_group(change, reply, name, left_out)
                return Joined(reply.ChatRoomName, tuple(id for id in ids if id in left_out))
            if not await change.confirmed_by(appeared) or len(appeared()) != 1:
                raise unknown(BadResponse("webwxcreatechatroom", "no answer names the new group"))
            return Joined(appeared()[0])

    async def _add_new_group(
        self, change: Mutation, reply: wire.CreateGroupReply, name: str, left_out: set[str]
    ) -> None:
        id, contacts = reply.ChatRoomName, change.contacts
        record = await change.fetch(id)
        if record is None or not record.MemberList:
            joining, _ = wire.each(reply.MemberList, wire.JoiningMember)
            members = [member.UserName for member in joining if member.UserName not in left_out]
            record = _with_members(id, [contacts.user.id, *members])
            record.NickName = encoded(name)
        if id not in contacts.groups:  # else the sync was quicker, and published it
            await self._publish(change, contacts.put_group(record))

    async def invite(self, group: Group, friends: Sequence[Friend]) -> Joined:
        """Add friends to a group, or ask them to join if it is big. Those who are members already count as added."""
        async with self._changes.turn(group.id) as change:
            group = _present(change.contacts, group)
            ids = [friend.id for friend in friends if friend.id not in group.members]
            if not ids:
                status = (
                    "they are in the group already" if len(friends) > 1 else "already in the group"
                )
                raise CallerError(Code.NOT_POSSIBLE, status)
            joined = None
            if len(group.members) < self._client.invite_start_count:
                joined = await self._add(change, group, ids)
            if joined is None:
                await change.at_most_once(lambda s: group_calls.invite(s, group.id, ids))
                joined = Joined(group.id)
            return joined

    async def _add(self, change: Mutation, group: Group, ids: list[str]) -> Joined | None:
        """Add friends at once. None: WeChat accepted that they are asked instead."""
        contacts = change.contacts

        def all_there() -> bool:
            return (
                group.id in contacts.groups and set(ids) <= contacts.groups[group.id].members.keys()
            )

        try:
            reply = await change.at_most_once(
                lambda s: group_calls.add(s, group.id, ids), all_there
            )
        except Rejected as refusal:
            # It does not say why: perhaps the group is too big for that, in WeChat's eyes.
            if type(refusal) is not Rejected:
                raise
            try:
                await change.at_most_once(lambda s: group_calls.invite(s, group.id, ids))
            except TimeoutError:
                raise refusal from None
            except Rejected as second:
                raise (refusal if type(second) is Rejected else second) from None
            return Joined(group.id)
        if reply is None:
            return Joined(group.id)
        joining, _ = wire.each(reply.MemberList, wire.JoiningMember)
        statuses = {member.UserName: member.MemberStatus for member in joining}
        added = [id for id in ids if statuses.get(id, 0) == 0]
        if not added:
            status = "nobody joined: WeChat says that they must agree to be friends first"
            raise CallerError(Code.NOT_POSSIBLE, status, left_out=ids)
        record = _with_members(group.id, added)
        record.MemberCount += len(group.members)  # so that the others stay
        await self._publish(change, contacts.put_group(record))
        return Joined(group.id, tuple(id for id in ids if id not in added))

    async def kick(self, group: Group, members: Sequence[Member]) -> None:
        """Remove members. WeChat allows it to the owner of the group alone."""
        ids = [member.id for member in members]
        async with self._changes.turn(group.id) as change:
            contacts = change.contacts

            def all_gone() -> bool:
                present = contacts.groups.get(group.id)
                return present is not None and present.members.keys().isdisjoint(ids)

            await change.at_most_once(lambda s: group_calls.remove(s, group.id, ids), all_gone)
            await self._publish(change, contacts.remove_members(group.id, ids))

    async def rename_group(self, group: Group, name: str) -> None:
        """Give a group another name."""
        async with self._changes.turn(group.id) as change:
            contacts = change.contacts

            def is_renamed() -> bool:
                return group.id in contacts.groups and contacts.groups[group.id].name == name

            await change.at_most_once(lambda s: group_calls.rename(s, group.id, name), is_renamed)
            if group.id in contacts.groups:
                record = wire.Contact(group.id, NickName=encoded(name))
                await self._publish(change, contacts.put_group(record))

    # -- people and chats ------------------------------------------------------------------------------------

    async def set_markname(self, person: Friend | Member, markname: str) -> None:
        """Give somebody a remark name. An empty one takes it away."""
        async with self._changes.turn(person.id) as change:
            await change.idempotent(lambda s: friend_calls.set_markname(s, person.id, markname))
            await self._publish(change, change.contacts.put_markname(person.id, markname))

    async def stick(self, chat: Chat, *, on: bool) -> None:
        """Pin a chat to the top, or unpin it."""
        async with self._changes.turn(chat.id) as change:
            friend = change.contacts.friends.get(chat.id)
            markname = friend.markname if friend else ""
            await change.idempotent(lambda s: friend_calls.stick(s, chat.id, markname, on=on))

    async def make_friend(self, member: Member, words: str) -> None:
        """Ask a member of a group to be a friend. The sync brings the answer, if one comes."""
        async with self._changes.turn(member.id) as change:
            await change.at_most_once(lambda s: friend_calls.ask(s, member.id, words))

    async def accept(self, id: str, ticket: str) -> None:
        """Accept a friend request of the person with this id."""
        async with self._changes.turn(id) as change:
            contacts = change.contacts
            await change.at_most_once(
                lambda s: friend_calls.accept(s, id, ticket), lambda: id in contacts.friends
            )
            if id in contacts.friends:
                return
            record = await change.fetch(id)
            if record is None or not record.NickName or is_no_contact(record):
                return
            if id not in contacts.friends:
                await self._publish(change, contacts.put_friend(record))

    # -- what is known ---------------------------------------------------------------------------------------

    async def refresh(self, chat: Chat) -> int:
        """Fetch a chat's record anew, and publish the differences; their number."""
        async with self._changes.turn(chat.id) as change:
            return await ContactRefresh(self._client, self._sink).one(chat.id, change.read)

    async def refresh_all(self) -> int:
        """Fetch all contacts anew, and publish the differences; their number."""
        async with self._changes.turn(_EVERYBODY):
            return await ContactRefresh(self._client, self._sink).all()

    # -- messages --------------------------------------------------------------------------------------------

    async def recall(self, msg_id: str, chat_id: str) -> None:
        """Recall a message that was sent to a chat."""
        client_msg_id = new_send_id()
        async with self._recalls.turn(msg_id) as change:
            await change.idempotent(lambda s: send.revoke(s, msg_id, chat_id, client_msg_id))

    async def mark_read(self, chat: Chat) -> None:
        """Tell the phone that a chat is read."""
        async with self._changes.turn(chat.id) as change:
            own_id = change.contacts.user.id
            await change.idempotent(lambda s: sync.mark_read(s, own_id, chat.id))

    async def _publish(self, change: Mutation, events: list[Event]) -> None:
        """Publish events, unless a new login has published the contacts with the change in them."""
        if change.contacts is self._client.contacts:
            await self._sink.record(events)


def _present(contacts: WebContacts, group: Group) -> Group:
    """Return the group as it is now."""
    present = contacts.groups.get(group.id)
    if present is None:
        raise CallerError(Code.NOT_FOUND, f"{group.displayname} is gone; nothing was done")
    return present


def _with_members(group_id: str, ids: Iterable[str]) -> wire.Contact:
    """Make the record of a group whose members are known by their ids alone."""
    records = [msgspec.Raw(msgspec.json.encode({"UserName": id})) for id in dict.fromkeys(ids)]
    return wire.Contact(group_id, MemberList=records, MemberCount=len(records))
