"""The parameters that say what is sent: text, media, mentions. Routes that send or upload take them."""

import hashlib
from typing import TYPE_CHECKING, Annotated

import msgspec
from pydantic import AfterValidator, Field, WithJsonSchema

from openwx.accounts.media.resolver import MediaInput
from openwx.accounts.outgoing import OutgoingMedia
from openwx.api.capabilities import require
from openwx.api.models import Flag, RequestModel
from openwx.api.multipart import FilePart
from openwx.api.receivers import TO_ALL
from openwx.domain.contacts import Chat, Group
from openwx.domain.mentions import EVERYBODY, mention, shown_name
from openwx.errors import CallerError, Code
from openwx.schemas import MAX_CONTENT
from openwx.transports.base import Capability

if TYPE_CHECKING:
    from openwx.accounts.account import Account


def _of_sendable_size(content: str) -> str:
    if len(content.encode()) > MAX_CONTENT:
        raise ValueError
    return content


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
