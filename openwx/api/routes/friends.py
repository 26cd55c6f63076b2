"""Routes for remark names, pinned chats, and becoming friends. ``app`` serves them."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from openwx.api.callers import Scope
from openwx.api.capabilities import require
from openwx.api.models import Flag, FriendSelectors, GroupSelectors, Name, RequestModel, member_of
from openwx.api.routing import route
from openwx.domain.contacts import Friend, Member, User
from openwx.errors import CallerError, Code
from openwx.schemas import Done, RequestAccepted
from openwx.transports.base import Capability

if TYPE_CHECKING:
    from openwx.accounts.account import Account


class SetMarkname(FriendSelectors):
    """A friend, or with `group_id` a member by id, and the remark name; an empty one takes it away."""

    MAY_BE_EMPTY = frozenset({"new_markname"})

    group_id: Annotated[str | None, Field(description="the id of a group")] = None
    new_markname: Name


@route("set_markname", "set_friend_markname", scope=Scope.FULL, needs=(Capability.CONTACTS,))
async def set_markname(account: "Account", call: SetMarkname) -> Done:
    """Give a friend, or a member of a group, a remark name."""
    contacts = account.contacts
    person: Friend | Member
    if call.group_id is None:
        person = contacts.find_friend(**call.selectors())
    else:
        require(account, Capability.MEMBERS, Capability.CHANGES)
        person, _ = member_of(contacts, call.group_id, call.id)
        if person.id == contacts.user.id:
            raise CallerError(Code.NOT_POSSIBLE, "the account has no remark name for itself")
    await account.actions.set_markname(person, call.new_markname)
    return Done()


Op = Annotated[Flag, Field(description="1 (pin) or 0 (unpin)")]


class Stick(FriendSelectors):
    """A friend or a group, and whether to pin it."""

    op: Op = True


@route("stick", scope=Scope.FULL, needs=(Capability.CHANGES,))
async def stick(account: "Account", call: Stick) -> Done:
    """Pin a chat to the top of the list, or unpin it."""
    chat = account.contacts.find_anybody(**call.selectors())
    if isinstance(chat, User):
        raise CallerError(
            Code.NOT_POSSIBLE, "the account has no chat with itself; filehelper is one"
        )
    await account.actions.stick(chat, on=call.op)
    return Done()


class StickyGroup(GroupSelectors):
    """A group, and whether to pin it."""

    op: Op = True


@route("sticky_group", scope=Scope.FULL, needs=(Capability.GROUPS, Capability.CHANGES))
async def sticky_group(account: "Account", call: StickyGroup) -> Done:
    """Pin a group to the top of the list of chats, or unpin it."""
    group = account.contacts.find_group(**call.selectors())
    await account.actions.stick(group, on=call.op)
    return Done()


class MakeFriend(RequestModel):
    """Whom to ask, and with what words."""

    id: Annotated[str, Field(description="the id of a member of a group")]
    verify: Annotated[
        str, Field(max_length=300, description="a text of at most 300 characters")
    ] = ""


@route("make_friend", scope=Scope.FULL, needs=(Capability.FRIEND_REQUESTS,))
async def make_friend(account: "Account", call: MakeFriend) -> Done:
    """Ask a member of a group to be a friend."""
    contacts = account.contacts
    if call.id == contacts.user.id:
        raise CallerError(Code.NOT_POSSIBLE, "that is the account itself")
    if call.id in contacts.friends:
        raise CallerError(Code.NOT_POSSIBLE, "already a friend")
    member, _ = contacts.find_member_anywhere(call.id)
    await account.actions.make_friend(member, call.verify)
    return Done()


class AcceptFriendRequest(RequestModel):
    """The request to accept, as its `friend_request` event names it."""

    id: Annotated[str, Field(max_length=300, description="the id from the friend_request event")]
    ticket: Annotated[
        str, Field(max_length=2000, description="the ticket from the friend_request event")
    ]
    displayname: Annotated[
        str, Field(max_length=300, description="the name from the friend_request event")
    ] = ""


@route("accept_friend_request", scope=Scope.FULL, needs=(Capability.FRIEND_REQUESTS,))
async def accept_friend_request(account: "Account", call: AcceptFriendRequest) -> RequestAccepted:
    """Accept somebody who asked to be a friend."""
    await account.actions.accept(call.id, call.ticket)
    return RequestAccepted(id=call.id, displayname=call.displayname, ticket=call.ticket)
