"""Media on their way out: found by their ``media_id`` or taken from where the caller says, and uploaded once."""

import asyncio
import re
from collections import OrderedDict
from pathlib import Path
from weakref import WeakValueDictionary

import msgspec
from msgspec.structs import replace

from openwx.accounts import journal_guard
from openwx.accounts.media import names
from openwx.accounts.media.resolver import MediaInput, MediaResolver
from openwx.accounts.outgoing import OutgoingMedia
from openwx.domain.media import MEDIA_CODES, Kind, LocalMedia, MediaRef, RemoteMedia
from openwx.errors import CallerError, Code
from openwx.store.sqlite.journal import Journal, JournalError, WriteBatch
from openwx.transports.web import send
from openwx.transports.web.client import Client
from openwx.transports.web.transfer import NOBODY_YET, Transfer

_MEDIA_ID = re.compile(r"(\S{1,2000}):(\d{1,2})")
_KIND_OF_CODE: dict[str, Kind] = {str(code): kind for kind, code in MEDIA_CODES.items()}
_REMEMBERED = 256
_Key = tuple[str, str, str, str]


class MediaRegistry:
    """One account's. What is known of a medium is in the journal, so a ``media_id`` outlives a restart."""

    def __init__(
        self,
        account: str,
        journal: Journal,
        sources: MediaResolver,
        client: Client,
        transfer: Transfer,
    ) -> None:
        self._account = account
        self._journal = journal
        self._sources = sources
        self._client = client
        self._transfer = transfer
        self._uploaded: OrderedDict[_Key, RemoteMedia] = OrderedDict()
        self._uploading: WeakValueDictionary[_Key, asyncio.Lock] = WeakValueDictionary()

    @property
    def _login_id(self) -> str:
        session = self._client.session
        return session.login_id if session else ""

    async def take(self, given: MediaInput, *, keep: bool) -> OutgoingMedia:
        """A medium that a caller or a bot names. Raises ``CallerError``, at once while the journal cannot be written.
        See ``MediaResolver.take``."""
        journal_guard.require(self._journal, "the medium was not taken")
        return OutgoingMedia(medium=await self._sources.take(given, keep=keep))

    async def known(self, media_id: str, name: str | None) -> OutgoingMedia:
        """The medium with this ``media_id``. Raises ``CallerError``: -2, -3, 100."""
        found = _MEDIA_ID.fullmatch(media_id)
        kind = _KIND_OF_CODE.get(found[2]) if found else None
        if found is None or kind is None:
            codes = ", ".join(_KIND_OF_CODE)
            words = f"media_id must be ID:CODE as an answer or an upload gave it (codes: {codes})"
            raise CallerError(Code.BAD_PARAMETER, words)
        name = names.of_client(name or "") or None
        kept = await self._journal.medium(self._account, found[1])
        if kept is not None:
            parcel = msgspec.json.decode(kept, type=OutgoingMedia)
            return _to_send_on(replace(parcel, media_id=media_id), name)
        if not found[1].startswith("@"):
            raise CallerError(Code.NOT_FOUND, f"media_id {media_id[:100]!a} is not known here")
        uploaded = RemoteMedia(kind=kind, media_id=found[1], name=name or "file")
        return OutgoingMedia(media_id=media_id, uploaded=uploaded)

    async def upload(self, parcel: OutgoingMedia, to: str) -> OutgoingMedia:
        """See to it that WeChat has the medium. Raises ``WeChatError``; ``CallerError`` where the file is gone."""
        if parcel.medium is None or parcel.uploaded is not None or parcel.ref is not None:
            return parcel
        return with_uploaded(parcel, await self._upload(parcel.medium, to))

    async def upload_only(self, parcel: OutgoingMedia) -> OutgoingMedia:
        """Upload now, to be sent later by its ``media_id``, which lasts when this returns.

        Raises ``WeChatError``, or ``CallerError`` where it cannot be kept.
        """
        journal_guard.require(self._journal, "nothing was uploaded")
        parcel = await self.upload(parcel, NOBODY_YET)
        try:
            await self._journal.write(WriteBatch(account=self._account, media=to_keep(parcel)))
        except JournalError as error:
            raise journal_guard.not_kept(error, "the media_id cannot be kept") from None
        return parcel

    async def upload_again(self, parcel: OutgoingMedia, to: str) -> OutgoingMedia | None:
        """For a medium that WeChat does not know any more, though it once did; None where that cannot be helped."""
        fresh = [one for key, one in self._uploaded.items() if key[0] == self._login_id]
        if parcel.medium is None or parcel.uploaded in fresh:
            return None
        if not _is_there(parcel.medium):
            return None
        return with_uploaded(replace(parcel, ref=None), await self._upload(parcel.medium, to))

    async def _upload(self, medium: LocalMedia, to: str) -> RemoteMedia:
        key = (self._login_id, medium.md5, medium.kind, medium.name)
        lock = self._uploading.setdefault(key, asyncio.Lock())
        async with lock:  # who wants the same one meanwhile has it when it is there
            uploaded = self._uploaded.get(key)
            if uploaded is None:
                try:
                    uploaded = await self._transfer.upload(medium, to)
                except OSError as error:
                    words = f"the medium {medium.path} cannot be read any more: {error.strerror}"
                    raise CallerError(Code.MEDIA, words) from None
                self._uploaded[key] = uploaded
                if len(self._uploaded) > _REMEMBERED:
                    self._uploaded.popitem(last=False)
        return uploaded


def with_uploaded(parcel: OutgoingMedia, uploaded: RemoteMedia) -> OutgoingMedia:
    media_id = f"{uploaded.media_id}:{MEDIA_CODES[uploaded.kind]}"
    return replace(parcel, uploaded=uploaded, media_id=media_id)


def to_keep(parcel: OutgoingMedia) -> dict[str, bytes]:
    """What the journal is to remember of it, for ``known``."""
    key = parcel.media_id.rpartition(":")[0]
    return {key: msgspec.json.encode(parcel)} if key else {}


def received(ref: MediaRef, medium: LocalMedia | None) -> dict[str, bytes]:
    """What the journal is to remember of a received medium; ``medium`` once it was fetched."""
    media_id = f"{ref.msg_id}:{MEDIA_CODES[ref.kind]}"
    return {
        ref.msg_id: msgspec.json.encode(OutgoingMedia(media_id=media_id, medium=medium, ref=ref))
    }


def described(parcel: OutgoingMedia) -> dict[str, str]:
    """What uploads and answers tell of a medium (contract, section 3), as far as it is known."""
    kind, medium, uploaded = kind_of(parcel), parcel.medium, parcel.uploaded
    told = {"media_id": parcel.media_id, "media_type": kind, "media_code": str(MEDIA_CODES[kind])}
    if medium is not None:
        told |= {
            "media_path": medium.path,
            "media_mime": medium.mime,
            "media_name": medium.name,
            "media_size": str(medium.size),
            "media_mtime": str(medium.mtime),
            "media_ext": medium.ext,
        }
    elif uploaded is not None and uploaded.name:
        told |= {"media_name": uploaded.name, "media_ext": uploaded.ext}
    return told


def kind_of(parcel: OutgoingMedia) -> Kind:
    if parcel.uploaded is not None:
        return parcel.uploaded.kind
    if parcel.ref is not None:
        return parcel.ref.kind
    return parcel.medium.kind if parcel.medium else "file"


def what_to_send(parcel: OutgoingMedia) -> RemoteMedia | MediaRef:
    what = parcel.uploaded or parcel.ref
    assert what is not None, "upload() comes first"
    return what


def _to_send_on(parcel: OutgoingMedia, name: str | None) -> OutgoingMedia:
    """A known medium: forwarded where WeChat lets it be, else uploaded from the file that was fetched."""
    if parcel.ref is None or send.can_be_forwarded(parcel.ref):
        return parcel
    medium = parcel.medium
    if medium is None or not _is_there(medium):
        words = f"media_id {parcel.media_id}: WeChat cannot forward it, and its file is not here"
        raise CallerError(Code.MEDIA, words)
    if medium.kind == "voice":
        medium = replace(medium, kind="file")
    return OutgoingMedia(medium=replace(medium, name=name or medium.name))


def _is_there(medium: LocalMedia) -> bool:
    return Path(medium.path).is_file()
