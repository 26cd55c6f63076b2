"""The route that shows pictures of people and groups. ``app`` serves it."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from openwx.api.callers import Scope
from openwx.api.models import FriendSelectors, member_of
from openwx.api.routing import ImageReply, route
from openwx.domain.contacts import Friend, Group, Member, User
from openwx.errors import CallerError, Code
from openwx.transports.base import Capability

if TYPE_CHECKING:
    from openwx.accounts.account import Account


class GetAvatar(FriendSelectors):
    """Selectors of the user, a friend or a group; a member by `id`, with `group_id` or without."""

    group_id: Annotated[str | None, Field(description="the id of a group")] = None


@route("get_avatar", scope=Scope.READ, needs=(Capability.AVATARS,))
async def get_avatar(account: "Account", call: GetAvatar) -> ImageReply:
    """Get the picture of the user, a friend, a group, or a member of a group."""
    person, room_id = _find(account, call)
    found = await account.avatars.of(person, room_id)
    return ImageReply(found.data, found.mime, "max-age=3600", found.etag)


def _find(account: "Account", call: GetAvatar) -> tuple[User | Friend | Group | Member, str]:
    """Return whose picture it is, and for a member who is no friend what WeChat needs of the group."""
    contacts, selectors = account.contacts, call.selectors()
    if call.group_id is not None:
        member, group = member_of(contacts, call.group_id, call.id)
    else:
        try:
            return contacts.find_anybody(**selectors), ""
        except CallerError as error:
            if error.code != Code.NOT_FOUND or selectors.keys() != {"id"}:
                raise
            member, group = contacts.find_member_anywhere(selectors["id"])
    is_known = member.id in contacts.friends or member.id == contacts.user.id
    return member, "" if is_known else group.room_id
