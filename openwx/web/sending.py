"""Routes that send."""

from typing import TYPE_CHECKING, Annotated

import msgspec
from pydantic import AfterValidator, Field, WithJsonSchema

from openwx.errors import CallerError, Code
from openwx.web.models import Call, FriendSelectors, GroupSelectors
from openwx.web.parameters import FilePart
from openwx.web.routing import route
from openwx.wechat.model import Chat

if TYPE_CHECKING:
    from openwx.gateway.account import Account

MAX_CONTENT = 16 * 1024
"""Bytes of UTF-8: about what WeChat takes in one text."""

TO_ALL = "@all"


def _of_sendable_size(content: str) -> str:
    if len(content.encode()) > MAX_CONTENT:
        raise ValueError
    return content


class Content(Call):
    """What is sent, and whether the caller waits for it."""

    content: Annotated[
        str | None,
        AfterValidator(lambda content: content and _of_sendable_size(content)),
        Field(description=f"a text of at most {MAX_CONTENT} bytes in UTF-8, WeChat's limit"),
    ] = None
    media_path: Annotated[str | None, Field(description="a local path or an http(s) URL")] = None
    media_id: Annotated[str | None, Field(description="the media_id of a sent medium")] = None
    media_data: Annotated[str | None, Field(description="the medium's bytes in base64")] = None
    media: Annotated[
        FilePart | None,
        WithJsonSchema({"type": "string", "format": "binary"}),
        Field(description="a file part of a multipart/form-data body"),
    ] = None
    run_async: Annotated[
        bool, Field(alias="async", description="1 (do not wait for the outcome) or 0")
    ] = False

    def text(self) -> str:
        """The text to send. CallerError: -3 for a medium, -2 where there is nothing."""
        if self.media or self.media_path or self.media_id or self.media_data:
            raise CallerError(
                Code.MEDIA,
                "this version cannot send media (media, media_path, media_id, media_data);"
                " a text in content works. Nothing was sent",
            )
        if not self.content:
            raise CallerError(
                Code.BAD_PARAMETER,
                f"content is missing; it must be {self.describe('content')}",
            )
        return self.content


class MessageSent(msgspec.Struct, kw_only=True):
    """A message that WeChat took."""

    status: str = "发送成功"
    msg_id: str
    id: str
    code: int = 0


class InExecution(msgspec.Struct, kw_only=True):
    """A message that will be sent; its `send_message` upload carries the same `uid`."""

    code: int = 0
    status: str = "request already in execution"
    uid: str


class SendingToAll(msgspec.Struct, kw_only=True):
    """Messages that will be sent, one to each of ``count`` friends."""

    code: int = 0
    status: str = "request already in execution"
    count: int


class SendFriendMessage(FriendSelectors, Content):
    """A friend, or `id=@all`, and what to send."""


@route("send_friend_message")
async def send_friend_message(
    account: "Account", call: SendFriendMessage
) -> MessageSent | InExecution | SendingToAll:
    """Send a text to a friend, or with `id=@all` to every friend."""
    selectors, text = call.selectors(), call.text()
    if call.id == TO_ALL:
        if len(selectors) > 1:
            raise CallerError(Code.BAD_PARAMETER, f"id={TO_ALL} must stand without other selectors")
        return SendingToAll(count=await account.send_text_to_all(text))
    return await _send(account, account.contacts.find_friend(**selectors), text, call)


class SendGroupMessage(GroupSelectors, Content):
    """A group and what to send."""


@route("send_group_message")
async def send_group_message(
    account: "Account", call: SendGroupMessage
) -> MessageSent | InExecution:
    """Send a text to a group."""
    selectors, text = call.selectors(), call.text()
    if call.id == TO_ALL:
        raise CallerError(Code.BAD_PARAMETER, f"id={TO_ALL} is for send_friend_message only")
    return await _send(account, account.contacts.find_group(**selectors), text, call)


async def _send(
    account: "Account", chat: Chat, text: str, call: Content
) -> MessageSent | InExecution:
    if call.run_async:
        return InExecution(uid=await account.send_text_later(chat, text))
    sent = await account.send_text(chat, text)
    return MessageSent(msg_id=sent.msg_id, id=sent.id)
