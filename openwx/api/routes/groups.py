"""Routes that create and change groups. ``app`` serves them."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from openwx.api.callers import Scope
from openwx.api.models import GroupSelectors, Name, RequestModel
from openwx.api.routing import route
from openwx.domain.contacts import Friend
from openwx.errors import CallerError, Code, Rejected
from openwx.schemas import Done, GroupCreated, Invited
from openwx.transports.base import Capability

if TYPE_CHECKING:
    from openwx.accounts.account import Account

MAX_MEMBERS = 500
"""WeChat has no bigger groups."""

Ids = Annotated[str | None, Field(description="ids joined by commas")]


def _listed(kind: str, *lists: str | None) -> list[str]:
    """Return the ids, each once. Raise ``CallerError``: 200 if there is none, -2 if there are too many."""
    ids = [id.strip() for joined in lists if joined for id in joined.split(",")]
    ids = [id for id in dict.fromkeys(ids) if id]
    if not ids:
        raise CallerError(Code.EMPTY_LIST, f"{kind}s is empty; it must be ids joined by commas")
    if len(ids) > MAX_MEMBERS:
        status = f"{kind}s must be at most {MAX_MEMBERS} ids, not {len(ids)}"
        raise CallerError(Code.BAD_PARAMETER, status)
    return ids


class Friends(RequestModel):
    """Friends by their ids, under either name."""

    MAY_BE_EMPTY = frozenset({"friends", "friend"})

    friends: Ids = None
    friend: Ids = None

    def found(self, account: "Account") -> list[Friend]:
        """Return the friends. Raise ``CallerError``: 100 for an id that is no friend's, 101 for the account's own, 200
        for none at all."""
        ids = _listed("friend", self.friends, self.friend)
        return [account.contacts.find_friend(id=id) for id in ids]


class CreateGroup(Friends):
    """Whom to have in a group, and its name."""

    displayname: Name | None = None


@route("create_group", scope=Scope.FULL, needs=(Capability.GROUPS, Capability.CHANGES))
async def create_group(account: "Account", call: CreateGroup) -> GroupCreated:
    """Create a group of the account and some friends."""
    friends = call.found(account)
    try:
        made = await account.actions.create_group(friends, call.displayname or "")
    except Rejected as refusal:
        if len(friends) > 1:
            raise
        status = f"{refusal}; a group of WeChat's begins with two friends"
        raise CallerError(Code.REFUSED, status, ret=refusal.ret, errmsg=refusal.errmsg) from None
    return GroupCreated(group_id=made.group_id, left_out=made.left_out, status="success", code=0)


class InviteFriend(GroupSelectors, Friends):
    """A group, and which friends are to join it."""

    MAY_BE_EMPTY = Friends.MAY_BE_EMPTY


@route("invite_friend", scope=Scope.FULL, needs=(Capability.GROUPS, Capability.CHANGES))
async def invite_friend(account: "Account", call: InviteFriend) -> Invited:
    """Add friends to a group, or ask them to join if it is big."""
    group = account.contacts.find_group(**call.selectors())
    joined = await account.actions.invite(group, call.found(account))
    return Invited(left_out=joined.left_out, status="success", code=0)


class KickGroupMember(GroupSelectors):
    """A group, and which members are to leave it."""

    MAY_BE_EMPTY = frozenset({"members", "member"})

    members: Ids = None
    member: Ids = None


@route(
    "kick_group_member",
    scope=Scope.FULL,
    needs=(Capability.GROUPS, Capability.MEMBERS, Capability.CHANGES),
)
async def kick_group_member(account: "Account", call: KickGroupMember) -> Done:
    """Remove members from a group that the account owns."""
    contacts = account.contacts
    group = contacts.find_group(**call.selectors())
    ids = _listed("member", call.members, call.member)
    members = [contacts.find_member(group, id) for id in ids]
    if contacts.user.id in ids:
        words = "the account itself cannot be removed from its group"
        raise CallerError(Code.NOT_POSSIBLE, words)
    await account.actions.kick(group, members)
    return Done()


class SetGroupDisplayname(GroupSelectors):
    """A group, and its new name."""

    new_displayname: Name


@route("set_group_displayname", scope=Scope.FULL, needs=(Capability.GROUPS, Capability.CHANGES))
async def set_group_displayname(account: "Account", call: SetGroupDisplayname) -> Done:
    """Give a group another name."""
    group = account.contacts.find_group(**call.selectors())
    await account.actions.rename_group(group, call.new_displayname)
    return Done()
