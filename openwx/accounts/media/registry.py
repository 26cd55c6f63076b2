"""Media to send: found by their ``media_id`` or resolved from what a caller names, and uploaded.

The routes and ``Sender`` call it; ``EventRecorder`` records what it knows of media. A file is uploaded once where the
transport shares uploads, and its ``media_id`` is WeChat's. Otherwise it is uploaded for each send, and the
``media_id`` is an id of openwx's own, for the file on the disk.
"""

import asyncio
import logging
import re
from collections import OrderedDict
from pathlib import Path

import msgspec
from msgspec.structs import replace

from openwx.accounts import journal_guard
from openwx.accounts.media import names
from openwx.accounts.media.files import AccountFiles, NotHere
from openwx.accounts.media.resolver import MediaInput, MediaResolver
from openwx.accounts.outgoing import OutgoingMedia
from openwx.domain.media import MEDIA_CODES, Kind, LocalMedia, MediaRef, RemoteMedia
from openwx.errors import CallerError, Code
from openwx.keyedlock import KeyedLock
from openwx.store.base import Journal, JournalError
from openwx.store.decoding import decode_row
from openwx.store.files import FileStoreError
from openwx.store.records import WriteBatch, new_uid
from openwx.transports.base import Transport

log = logging.getLogger("openwx.media")

_MEDIA_ID = re.compile(r"(\S{1,2000}):(\d{1,2})")
_KIND_OF_CODE: dict[str, Kind] = {str(code): kind for kind, code in MEDIA_CODES.items()}
_REMEMBERED = 256
_Key = tuple[str, str, str, str]


class MediaRegistry:
    """Outgoing media of one account. Its records are in the journal, so a ``media_id`` outlives a restart."""

    def __init__(
        self,
        account: str,
        journal: Journal,
        resolver: MediaResolver,
        transport: Transport,
        files: AccountFiles,
    ) -> None:
        self._account = account
        self._files = files
        self._journal = journal
        self._resolver = resolver
        self._transport = transport
        self._uploaded: OrderedDict[_Key, RemoteMedia] = OrderedDict()
        self._uploading = KeyedLock()

    @property
    def _login_id(self) -> str:
        identity = self._transport.identity
        return identity.login_id if identity else ""

    async def resolve(self, media: MediaInput, *, copy: bool) -> OutgoingMedia:
        """Resolve media that a caller or a bot names; see ``MediaResolver.resolve``.

        Raises ``CallerError``, at once while the journal cannot be written.
        """
        journal_guard.require(self._journal, "the media was not accepted")
        # A media_id of ours needs a file of ours, and so does another node.
        keep = copy or not self._transport.shares_uploads or self._files.is_shared
        return OutgoingMedia(medium=await self._resolver.resolve(media, copy=keep))

    async def find(self, media_id: str, name: str | None) -> OutgoingMedia:
        """Find the media with this ``media_id``. Raises ``CallerError``: -2, -3, 100."""
        found = _MEDIA_ID.fullmatch(media_id)
        kind = _KIND_OF_CODE.get(found[2]) if found else None
        if found is None or kind is None:
            codes = ", ".join(_KIND_OF_CODE)
            words = f"media_id must be ID:CODE as an answer or an upload gave it (codes: {codes})"
            raise CallerError(Code.BAD_PARAMETER, words)
        name = names.of_client(name or "") or None
        record = await self._journal.media(self._account, found[1])
        media = (
            decode_row(record, OutgoingMedia, f"{self._account}: the media {found[1]}")
            if record
            else None
        )
        if media is not None and media.is_known:
            return await self._to_send_on(replace(media, media_id=media_id), name)
        if not (found[1].startswith("@") and self._transport.shares_uploads):
            raise CallerError(Code.NOT_FOUND, f"media_id {media_id[:100]!a} is not known here")
        uploaded = RemoteMedia(kind=kind, media_id=found[1], name=name or "file")
        return OutgoingMedia(media_id=media_id, uploaded=uploaded)

    async def _to_send_on(self, media: OutgoingMedia, name: str | None) -> OutgoingMedia:
        """Send known media on: as WeChat has it where it allows that, else upload the file."""
        if media.ref is None and self._transport.shares_uploads:
            return media
        if media.ref is not None and self._transport.can_forward(media.ref):
            return media
        file = await self._file_of(media)
        if file is None:
            words = f"media_id {media.media_id}: WeChat cannot forward it, and its file is not here"
            raise CallerError(Code.MEDIA, words)
        if file.kind == "voice":
            file = replace(file, kind="file")
        own_id = media.media_id if media.ref is None else ""
        return OutgoingMedia(media_id=own_id, medium=replace(file, name=name or file.name))

    async def upload(self, media: OutgoingMedia, to: str | None) -> OutgoingMedia:
        """Upload media that WeChat does not have. Raises ``WeChatError``; ``CallerError`` where the file is gone."""
        if media.medium is None or media.uploaded is not None or media.ref is not None:
            return media
        try:
            file = await self._files.found(media.medium)
        except NotHere as error:
            raise CallerError(Code.MEDIA, f"the file cannot be read any more: {error}") from None
        media = replace(media, medium=file)
        uploaded = await self._upload(file, to)
        if self._transport.shares_uploads:
            return with_uploaded(media, uploaded)
        return replace(
            media, uploaded=uploaded, media_id=media.media_id or _own_media_id(uploaded.kind)
        )

    async def upload_only(self, media: OutgoingMedia) -> OutgoingMedia:
        """Upload now, or keep the file where each send uploads it, to be sent later by its ``media_id``.

        That is in the journal when this returns.

        Raises ``WeChatError``, or ``CallerError`` where the journal cannot be written.
        """
        journal_guard.require(self._journal, "nothing was uploaded")
        if self._transport.shares_uploads:
            media = await self.upload(media, None)
        else:
            media = replace(media, media_id=_own_media_id(kind_of(media)))
            await self._keep_for_later(media)
        try:
            await self._journal.write(WriteBatch(account=self._account, media=records_of(media)))
        except JournalError as error:
            raise journal_guard.not_kept(error, "the media_id cannot be kept") from None
        return media

    async def upload_again(self, media: OutgoingMedia, to: str) -> OutgoingMedia | None:
        """Upload media once more that WeChat does not know any more; None where that is not possible."""
        if not self._transport.shares_uploads:
            return None
        fresh = [one for key, one in self._uploaded.items() if key[0] == self._login_id]
        if media.medium is None or media.uploaded in fresh:
            return None
        file = await self._file_of(media)
        if file is None:
            return None
        return with_uploaded(replace(media, ref=None), await self._upload(file, to))

    async def _upload(self, file: LocalMedia, to: str | None) -> RemoteMedia:
        if not self._transport.shares_uploads:
            return await self._upload_now(file, to)
        key = (self._login_id, file.md5, file.kind, file.name)
        # others that want the same file meanwhile wait for this upload
        async with self._uploading.hold(key):
            uploaded = self._uploaded.get(key)
            if uploaded is None:
                uploaded = await self._upload_now(file, to)
                self._uploaded[key] = uploaded
                if len(self._uploaded) > _REMEMBERED:
                    self._uploaded.popitem(last=False)
        return uploaded

    async def _upload_now(self, file: LocalMedia, to: str | None) -> RemoteMedia:
        try:
            return await self._transport.upload(file, to)
        except OSError as error:
            words = f"the file {file.path} can no longer be read: {error.strerror}"
            raise CallerError(Code.MEDIA, words) from None

    async def _file_of(self, media: OutgoingMedia) -> LocalMedia | None:
        """Return the file of known media, fetched to this node if need be; None where it cannot be had any more."""
        if media.medium is None:
            return None
        try:
            file = await self._files.found(media.medium, media.ref)
        except NotHere as error:
            log.info("%s: the file of %s: %s", self._account, media.media_id, error)
            return None
        return file if await asyncio.to_thread(Path(file.path).is_file) else None

    async def _keep_for_later(self, media: OutgoingMedia) -> None:
        """Put a file where other nodes find it for a day, beside what its later sends put."""
        try:
            await self._files.keeper.keep([media.medium.attachment] if media.medium else [])
        except FileStoreError as error:
            raise not_stored(error, "the media_id cannot be kept") from None

    def lasting(self, media: OutgoingMedia) -> OutgoingMedia:
        """Return what may be used once more: media without an upload that serves for one send alone."""
        if self._transport.shares_uploads or media.uploaded is None or media.medium is None:
            return media
        return replace(media, uploaded=None, medium=replace(media.medium, kind=media.uploaded.kind))


def _own_media_id(kind: Kind) -> str:
    return f"{new_uid()}:{MEDIA_CODES[kind]}"


def with_uploaded(media: OutgoingMedia, uploaded: RemoteMedia) -> OutgoingMedia:
    media_id = f"{uploaded.media_id}:{MEDIA_CODES[uploaded.kind]}"
    return replace(media, uploaded=uploaded, media_id=media_id)


def records_of(media: OutgoingMedia) -> dict[str, bytes]:
    """Make the record for the journal, by which ``find`` finds the media."""
    key = media.media_id.rpartition(":")[0]
    return {key: msgspec.json.encode(media)} if key else {}


def received(ref: MediaRef, file: LocalMedia | None) -> dict[str, bytes]:
    """Make the record of received media; ``file`` once it is downloaded."""
    media_id = f"{ref.msg_id}:{MEDIA_CODES[ref.kind]}"
    return {ref.msg_id: msgspec.json.encode(OutgoingMedia(media_id=media_id, medium=file, ref=ref))}


def described(media: OutgoingMedia) -> dict[str, str]:
    """Describe media in reports and answers (contract, section 3), as far as it is known."""
    kind, file, uploaded = kind_of(media), media.medium, media.uploaded
    members = {"media_id": media.media_id, "media_type": kind, "media_code": str(MEDIA_CODES[kind])}
    if file is not None:
        members |= {
            "media_path": file.path,
            "media_mime": file.mime,
            "media_name": file.name,
            "media_size": str(file.size),
            "media_mtime": str(file.mtime),
            "media_ext": file.ext,
        }
    elif uploaded is not None and uploaded.name:
        members |= {"media_name": uploaded.name, "media_ext": uploaded.ext}
    return members


def kind_of(media: OutgoingMedia) -> Kind:
    if media.uploaded is not None:
        return media.uploaded.kind
    if media.ref is not None:
        return media.ref.kind
    return media.medium.kind if media.medium else "file"


def what_to_send(media: OutgoingMedia) -> RemoteMedia | MediaRef:
    what = media.uploaded or media.ref
    assert what is not None, "upload() comes first"
    return what


def not_stored(error: FileStoreError, done: str) -> CallerError:
    """Make the refusal of media that cannot be put where other nodes find it (-5, HTTP 503)."""
    words = f"{done}: {error}"
    return CallerError(
        Code.GAVE_UP, words, http_status=503, retry_after=journal_guard.RETRY_AFTER_S
    )
