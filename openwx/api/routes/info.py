"""Routes that list the user, friends and groups. ``app`` serves them."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from openwx.api.callers import Scope
from openwx.api.models import Search
from openwx.api.routing import route
from openwx.domain.contacts import Friend, GroupBasics, GroupInfo, User
from openwx.errors import CallerError, Code
from openwx.transports.base import Capability

if TYPE_CHECKING:
    from openwx.accounts.account import Account

Attribute = Annotated[str | None, Field(description="a text to compare with")]


@route("get_user_info", scope=Scope.READ)
async def get_user_info(account: "Account") -> User:
    """Get the account itself."""
    return account.contacts.user


@route("get_friend_info", scope=Scope.READ, needs=(Capability.CONTACTS,))
async def get_friend_info(account: "Account") -> list[Friend]:
    """List all friends, public accounts and system accounts."""
    return list(account.contacts.friends.values())


@route("get_group_info", scope=Scope.READ, lists=Capability.GROUPS)
async def get_group_info(account: "Account") -> list[GroupInfo]:
    """List all groups with their members."""
    return [group.info() for group in account.contacts.groups.values()]


@route("get_group_basic_info", scope=Scope.READ, lists=Capability.GROUPS)
async def get_group_basic_info(account: "Account") -> list[GroupBasics]:
    """List all groups, with the number of their members instead of the members."""
    return [group.basics() for group in account.contacts.groups.values()]


class SearchFriend(Search):
    """Attributes of friends; all must match, exactly or else in another spelling."""

    MAY_BE_EMPTY = frozenset(Friend.__struct_fields__)

    account: Attribute = None
    name: Attribute = None
    markname: Attribute = None
    sex: Attribute = None
    display: Attribute = None
    city: Attribute = None
    signature: Attribute = None
    province: Attribute = None
    id: Attribute = None
    uid: Attribute = None
    displayname: Attribute = None
    category: Attribute = None


@route("search_friend", scope=Scope.READ, needs=(Capability.CONTACTS,))
async def search_friend(account: "Account", call: SearchFriend) -> list[Friend]:
    """Find the friends with these attributes, and with `q` in one of their names; code 100 if there is none."""
    found = account.contacts.search_friends(call.q, **call.attributes())
    if not found:
        raise CallerError(Code.NOT_FOUND, "no friend has these attributes")
    return found


class SearchGroup(Search):
    """Attributes of groups; all must match, exactly or else in another spelling."""

    MAY_BE_EMPTY = frozenset({"name", "id", "uid", "owner_uid", "displayname"})

    name: Attribute = None
    id: Attribute = None
    uid: Attribute = None
    owner_uid: Attribute = None
    displayname: Attribute = None


@route("search_group", scope=Scope.READ, lists=Capability.GROUPS)
async def search_group(account: "Account", call: SearchGroup) -> list[GroupInfo]:
    """Find the groups with these attributes, and with `q` in a name, with members; code 100 if there is none."""
    found = account.contacts.search_groups(call.q, **call.attributes())
    if not found:
        raise CallerError(Code.NOT_FOUND, "no group has these attributes")
    return [group.info() for group in found]
