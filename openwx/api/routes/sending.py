"""Routes that send."""

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
from pydantic import AfterValidator, Field, WithJsonSchema

from openwx.accounts.media.registry import described
from openwx.accounts.media.resolver import MediaInput
from openwx.accounts.outgoing import OutgoingMedia, Sent
from openwx.api.callers import Scope
from openwx.api.capabilities import require
from openwx.api.models import Flag, FriendSelectors, GroupSelectors, RequestModel
from openwx.api.multipart import FilePart
from openwx.api.routing import route
from openwx.domain.contacts import Chat, Friend, Group, friend_displayname
from openwx.domain.mentions import EVERYBODY, mention, shown_name
from openwx.errors import CallerError, Code
from openwx.schemas import MAX_CONTENT, InExecution, MediaUploaded, MessageSent, SendingToAll
from openwx.transports.base import Capability

if TYPE_CHECKING:
    from openwx.accounts.account import Account

TO_ALL = "@all"
TO_OWNER = "@owner"
"""The id of the account's own person, whatever the transport."""


def _of_sendable_size(content: str) -> str:
    if len(content.encode()) > MAX_CONTENT:
        raise ValueError
    return content


class Receiver(FriendSelectors):
    """A friend, or with `id=@owner` the account's own person."""

    def selectors(self) -> dict[str, str]:
        """Return the selectors of the call. CallerError -2 if there are none, or others beside `@all` or `@owner`."""
        selectors = super().selectors()
        if self.id in (TO_ALL, TO_OWNER) and len(selectors) > 1:
            words = f"id={self.id} must stand without other selectors"
            raise CallerError(Code.BAD_PARAMETER, words)
        return selectors

    def friend(self, account: "Account", *, may_wait: bool = False) -> Friend:
        """Return the friend. CallerError: none (100), several (102), oneself, or a person not known yet (101).

        ``may_wait``: a message to the account's own person may wait until they write for the first time.
        """
        if self.id != TO_OWNER:
            return account.contacts.find_friend(**self.selectors())
        return owner_of(account, may_wait=may_wait)


def owner_of(account: "Account", *, may_wait: bool = False) -> Friend:
    """Return the account's own person. CallerError 101 while that is not known."""
    id = account.owner_id
    owner = account.contacts.friends.get(id or "")
    if owner is None and may_wait and id is not None and id in [one.id for one in account.budgets]:
        owner = Friend(id=id, uid=id, displayname=friend_displayname("", "", ""))
    if owner is None:
        words = f"id={TO_OWNER} is not known yet: your own WeChat must write to this account once"
        raise CallerError(Code.NOT_POSSIBLE, words)
    return owner


class MediaParams(RequestModel):
    """Media: a local path or URL, base64, or a file part."""

    media_path: Annotated[
        str | None,
        Field(
            max_length=8192, description="a local path or an http(s) URL of at most 8192 characters"
        ),
    ] = None
    media_data: Annotated[str | None, Field(description="the bytes of the media in base64")] = None
    media: Annotated[
        FilePart | None,
        WithJsonSchema({"type": "string", "format": "binary"}),
        Field(description="a file part of a multipart/form-data body"),
    ] = None
    media_name: Annotated[
        str | None,
        Field(max_length=200, description="a file name of at most 200 characters"),
    ] = None

    def given(self) -> MediaInput | None:
        """Return the file that is named, if one is. Raise ``CallerError`` (-2) if there are several."""
        kinds = [self.media is not None, self.media_data is not None, self.media_path is not None]
        if not any(kinds):
            return None
        # Beside media_data, the original took media_path for a name.
        if self.media is not None and sum(kinds) > 1:
            words = "give one of media_path, media_data and a file part media, not several"
            raise CallerError(Code.BAD_PARAMETER, words)
        file = self.media.file if self.media else None
        return MediaInput(self.media_path, self.media_data, file, self.media_name)


class Content(MediaParams):
    """What to send: a text, media, or both."""

    content: Annotated[
        str | None,
        AfterValidator(lambda content: content and _of_sendable_size(content)),
        Field(description=f"a text of at most {MAX_CONTENT} bytes in UTF-8, WeChat's limit"),
    ] = None
    media_id: Annotated[
        str | None, Field(description="the media_id of media that was sent or received")
    ] = None

    def check(self) -> None:
        """Raise ``CallerError`` (-2) if there is nothing to send, or too much."""
        given = self.given()
        if self.media_id is not None and given is not None:
            words = "give media_id, or media by media_path, media_data or media; not both"
            raise CallerError(Code.BAD_PARAMETER, words)
        if not self.content and self.media_id is None and given is None:
            raise CallerError(
                Code.BAD_PARAMETER,
                f"content is missing; it must be {self.describe('content')},"
                " or media must be given by media_path, media_id, media_data or a file part media",
            )

    async def contents(
        self, account: "Account", *, keep: bool, before: str = ""
    ) -> list[str | OutgoingMedia]:
        """Return what is to be sent, text first. ``keep``: it must outlive this call; ``before`` begins the text.

        Raise ``CallerError`` (-2, -3, -8, -10 or 100) for the file.
        """
        text = before + (self.content or "")
        contents: list[str | OutgoingMedia] = [text] if text else []
        given = self.given()
        if self.media_id is not None or given is not None:
            require(account, Capability.SEND_MEDIA)
        if self.media_id is not None:
            contents.append(await account.media.find(self.media_id, self.media_name))
        elif given is not None:
            contents.append(await account.media.resolve(given, copy=keep))
        return contents


class AsyncContent(Content):
    """The content, whether the caller waits for the result, and the key that identifies a repetition."""

    run_async: Annotated[
        Flag, Field(alias="async", description="1 (do not wait for the outcome) or 0")
    ] = False
    idempotency_key: Annotated[
        str | None,
        Field(
            pattern=r"^[!-~]{1,255}$",
            description="1 to 255 visible ASCII characters (also as the header Idempotency-Key)",
        ),
    ] = None

    def before(self, account: "Account", chat: Chat) -> str:
        """Return what the text begins with in a chat: nothing."""
        return ""

    def digest(self) -> str:
        """Return a digest of the parameters, by which a repeated call is known."""
        asked = self.model_dump(exclude={"idempotency_key", "media"})
        if asked.get("at", "") is None:
            del asked["at"]  # so that it is that of versions which did not know it
        file = self.media.file if self.media else None
        asked["media"] = [file.md5, file.size] if file else None
        return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()


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
        return await _send_to_all(account, call)
    return await send(account, lambda: call.friend(account, may_wait=call.run_async), call)


class MentioningContent(AsyncContent):
    """The content, and whom it mentions."""

    at: Annotated[
        str | None,
        Field(description=f"members' ids, or {TO_ALL}, joined by commas: whom the text mentions"),
    ] = None

    def before(self, account: "Account", chat: Chat) -> str:
        """Return the mentions that the text begins with: ``@NAME`` and U+2005 for each.

        Raise ``CallerError``: 100 for an id that is no member's, -2 where the text gets too long.
        """
        if not isinstance(chat, Group) or self.at is None:
            return ""
        asked = dict.fromkeys(id.strip() for id in self.at.split(",", MAX_CONTENT))
        before = "".join(mention(_name_of(account, chat, id)) for id in asked if id)
        if len((before + (self.content or "")).encode()) > MAX_CONTENT:
            words = f"at and content are {MAX_CONTENT} bytes in UTF-8 at most, WeChat's limit"
            raise CallerError(Code.BAD_PARAMETER, words)
        return before


def _name_of(account: "Account", group: Group, id: str) -> str:
    """Return the name by which a group shows a member, or everybody."""
    if id == TO_ALL:
        return EVERYBODY
    member = account.contacts.find_member(group, id)
    return shown_name(member) or member.displayname


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


async def send(
    account: "Account", find: Callable[[], Chat], call: AsyncContent
) -> MessageSent | InExecution:
    """Send what a call asks for to the chat that ``find`` finds, and wait for the result unless it is ``async``."""
    if call.idempotency_key is not None:
        return await _send_once(account, find, call, call.idempotency_key)
    chat = find()
    before = call.before(account, chat)
    contents = await call.contents(account, keep=call.run_async, before=before)
    if call.run_async:
        waits_for = account.outgoing.waits_for(chat)
        return _in_execution(await account.outgoing.send_later([chat], contents), waits_for)
    return _message_sent(await account.outgoing.send_all(chat, contents))


async def _send_once(
    account: "Account", find: Callable[[], Chat], call: AsyncContent, key: str
) -> MessageSent | InExecution:
    waits_for = ""

    async def find_all() -> tuple[list[Chat], list[str | OutgoingMedia]]:
        nonlocal waits_for
        account.require_running()
        chat = find()
        waits_for = account.outgoing.waits_for(chat)
        before = call.before(account, chat)
        return [chat], await call.contents(account, keep=True, before=before)

    first = await account.outgoing.send_once(
        key, call.digest(), find_all, awaited=not call.run_async
    )
    if call.run_async:
        return _in_execution(first.uids, waits_for)
    if not await account.outgoing.keys.has_ended(key):
        account.require_running()
    outcomes = await account.outgoing.keys.outcomes(key)
    for one in outcomes:
        one.require_success()
    return _message_sent(
        [Sent(one.msg_id, f"{one.msg_id}:{one.chat_id}", one.media_id) for one in outcomes]
    )


async def _send_to_all(account: "Account", call: AsyncContent) -> SendingToAll:
    async def find_all() -> tuple[list[Chat], list[str | OutgoingMedia]]:
        account.require_running()
        return account.outgoing.everybody(), await call.contents(account, keep=True)

    if call.idempotency_key is not None:
        key = call.idempotency_key
        first = await account.outgoing.send_once(key, call.digest(), find_all, bulk=True)
        return SendingToAll(count=first.chats)
    friends, contents = await find_all()
    await account.outgoing.send_later(friends, contents, bulk=True)
    return SendingToAll(count=len(friends))


def _in_execution(uids: Sequence[str], waits_for: str) -> InExecution:
    status = "request already in execution"
    return InExecution(
        code=0,
        status=f"{status}; it waits for {waits_for}" if waits_for else status,
        uid=uids[0],
        media_uid="".join(uids[1:]),
        waits_for=waits_for,
    )


async def send_and_wait(
    account: "Account",
    chat: Chat,
    contents: list[str | OutgoingMedia],
    on_begun: Callable[[], None],
) -> MessageSent:
    """Send text and file, one after the other. ``on_begun`` is called when one of them may reach WeChat."""
    return _message_sent(await account.outgoing.send_all(chat, contents, on_begun))


def _message_sent(sent: Sequence[Sent]) -> MessageSent:
    return MessageSent(
        status="发送成功",
        msg_id=sent[0].msg_id,
        id=sent[0].id,
        media_id=sent[-1].media_id,
        media_msg_id=sent[-1].msg_id if len(sent) > 1 else "",
        code=0,
    )


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
