"""One download of received media from WeChat. ``MediaDownloader`` and ``AccountFiles`` make them."""

from msgspec.structs import replace

from openwx.accounts.media import names, types
from openwx.accounts.media.folder import MediaFolder
from openwx.domain.chat_ref import ChatRef
from openwx.domain.media import Kind, MediaRef, StoredFile
from openwx.errors import BadResponse
from openwx.store.decoding import decode_row
from openwx.transports.base import Transport

_MAJOR_TYPES: dict[Kind, tuple[str, ...]] = {
    "image": ("image",),
    "emoticon": ("image",),
    "voice": ("audio", "video"),
    "video": ("video", "audio"),
    "microvideo": ("video", "audio"),
}
"""A file may be of any type. Only its tracks distinguish a recording from a film."""


async def download(
    transport: Transport, folder: MediaFolder, ref: MediaRef, sender: str
) -> StoredFile:
    """Download media into the folder. ``sender``: the id of its sender in the present login.

    Raises ``WeChatError``, ``TooLargeError``, ``EmptyError`` or ``OSError``.
    """
    async with folder.receive(names.safe(ref.name)) as incoming:
        await transport.download(replace(ref, sender=sender), incoming.write)
        if incoming.size:
            _require_type(ref.kind, await incoming.mime())
        return await incoming.finish()


def sender_of(transport: Transport, ref: MediaRef, sent: str, reply_to: bytes) -> str:
    """Return the id of a medium's sender in the present login. ``sent``: the ``class`` of its report."""
    contacts = transport.contacts
    if sent == "send":
        return contacts.user.id
    if not reply_to:
        return ref.sender
    chat = decode_row(reply_to, ChatRef, "the chat of a report")
    return (contacts.id_of(chat, transport.identity) if chat else "") or ref.sender


def _require_type(kind: Kind, mime: str) -> None:
    """Raise ``BadResponse`` for content of another kind: WeChat's servers sometimes send an HTML page with status 200
    in place of a picture. Content of unknown type may be anything."""
    majors = _MAJOR_TYPES.get(kind)
    if majors is not None and mime.partition("/")[0] not in majors and mime != types.UNKNOWN:
        raise BadResponse("download", f"what came is no {kind} but {mime}")
