"""The routes that send messages, and the one that uploads media to be sent. ``app`` serves them."""

from typing import TYPE_CHECKING

import msgspec

from openwx.accounts.media.registry import described
from openwx.api.callers import Scope
from openwx.api.capabilities import require
from openwx.api.contents import AsyncContent, MediaParams, MentioningContent
from openwx.api.models import GroupSelectors
from openwx.api.receivers import TO_ALL, TO_OWNER, Receiver
from openwx.api.routing import route
from openwx.api.sends import send, send_to_all
from openwx.errors import CallerError, Code
from openwx.schemas import InExecution, MediaUploaded, MessageSent, SendingToAll
from openwx.transports.base import Capability

if TYPE_CHECKING:
    from openwx.accounts.account import Account


class SendFriendMessage(Receiver, AsyncContent):
    """A friend, `id=@owner` or `id=@all`, and what to send."""


@route(
    "send_friend_message", scope=Scope.SEND, media=True, keyed=True, needs=(Capability.SEND_TEXT,)
)
async def send_friend_message(
    account: "Account", call: SendFriendMessage
) -> MessageSent | InExecution | SendingToAll:
    """Send a text, media or both to a friend, or with `id=@all` to every friend.

    `id=@owner` is the account's own person: File Transfer (`filehelper`) by web WeChat, whoever scanned by iLink.
    """
    call.selectors()
    call.check()
    if call.id == TO_ALL:
        return await send_to_all(account, call)
    return await send(account, lambda: call.friend(account, may_wait=call.run_async), call)


class SendGroupMessage(GroupSelectors, MentioningContent):
    """A group, what to send, and whom to mention."""


@route("send_group_message", scope=Scope.SEND, media=True, keyed=True, needs=(Capability.GROUPS,))
async def send_group_message(
    account: "Account", call: SendGroupMessage
) -> MessageSent | InExecution:
    """Send a text, media or both to a group.

    `at` mentions members: the text begins with an `@`, the member's name in the group and U+2005, for each of them.
    """
    selectors = call.selectors()
    call.check()
    if call.id in (TO_ALL, TO_OWNER):
        raise CallerError(Code.BAD_PARAMETER, f"id={call.id} is for send_friend_message only")
    return await send(account, lambda: account.contacts.find_group(**selectors), call)


class SendMessage(MentioningContent, SendFriendMessage):
    """A friend, or a group by its id, and what to send."""


@route("send_message", scope=Scope.SEND, media=True, keyed=True, needs=(Capability.SEND_TEXT,))
async def send_message(
    account: "Account", call: SendMessage
) -> MessageSent | InExecution | SendingToAll:
    """Send to a group where the `id` begins with `@@`, else to a friend, for programs older than the other two."""
    if call.id is None or not call.id.startswith("@@"):
        if call.at is not None:
            raise CallerError(Code.BAD_PARAMETER, "at is for groups only, whose id begins with @@")
        return await send_friend_message(account, call)
    require(account, Capability.GROUPS)
    if call.account is not None or call.markname is not None:
        words = "account and markname are those of friends: give a group's id, and perhaps its displayname"
        raise CallerError(Code.BAD_PARAMETER, words)
    selectors = call.selectors()
    call.check()
    return await send(account, lambda: account.contacts.find_group(**selectors), call)


class UploadMedia(MediaParams):
    """Media to upload."""


@route("upload_media", scope=Scope.SEND, media=True, needs=(Capability.SEND_MEDIA,))
async def upload_media(account: "Account", call: UploadMedia) -> MediaUploaded:
    """Upload media; its `media_id` can be sent any number of times."""
    given = call.given()
    if given is None:
        words = "media is missing; give media_path, media_data or a file part media"
        raise CallerError(Code.BAD_PARAMETER, words)
    parcel = await account.media.upload_only(await account.media.resolve(given, copy=False))
    return msgspec.convert(described(parcel), MediaUploaded, strict=False)
