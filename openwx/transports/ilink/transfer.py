"""Uploads and downloads of media on the CDN, in pieces: a file is never in memory as a whole. ``ILinkTransport``
calls it.
"""

import asyncio
import hashlib
import io
import logging
import os
from collections.abc import AsyncGenerator
from functools import partial
from itertools import islice
from typing import Any, BinaryIO

import msgspec
from yarl import URL

from openwx.cancelling import open_in_thread
from openwx.domain.media import Kind, LocalMedia, MediaRef, RemoteMedia
from openwx.errors import BadResponse, CallerError, Code, Rejected, Unreachable
from openwx.localfile import ChangedError, open_regular
from openwx.timing import Timing
from openwx.transports.base import Write
from openwx.transports.ilink import calls, crypt, silk, wire
from openwx.transports.ilink.client import ILinkClient
from openwx.transports.ilink.http import PIECE
from openwx.transports.ilink.items import Source, source_of

log = logging.getLogger("openwx.wechat")

LARGEST = 100 * 1024 * 1024
"""Size of the largest file, in bytes: the official client's limit (2.4.9)."""
UPLOAD_TRIES = 3
MOST_FAILED = 100
"""Messages whose failed keys are remembered."""

_PATIENCE_S = 120.0
_SLOWEST = 16 * 1024
"""The slowest accepted transfer, in bytes per second."""
_UPLOAD_TYPES: dict[Kind, int] = {"image": 1, "video": 2, "file": 3}
"""The ``media_type`` of an upload, which counts otherwise than the ``type`` of an item."""
_SENT_AS: dict[Kind, Kind] = {"image": "image", "emoticon": "image", "video": "video"}
"""What files are sent as, as the official client does (2.4.9): a GIF is a picture. All others are files."""


class Uploaded(msgspec.Struct, frozen=True):
    """How an uploaded file is sent: ``RemoteMedia.source``. ``key`` is hexadecimal, ``to`` whom it may be sent to."""

    param: str
    key: str
    size: int
    to: str


class Transfer:
    """Uploads and downloads of one account."""

    def __init__(self, client: ILinkClient, pace: Timing) -> None:
        self._client = client
        self._pace = pace
        self._voices = silk.Voices()
        self._failed: dict[str, list[str]] = {}
        """Keys that did not fit, by the id of the message."""

    # -- downloads -------------------------------------------------------------------------------------------

    async def fetch(self, ref: MediaRef, write: Write) -> None:
        """Pass the decrypted bytes of received media to ``write``.

        Raises ``BadResponse`` where they are not the file that the message tells of. A download needs no session, and
        ends none. A voice is passed as WAV where there is a decoder.
        """
        if ref.kind == "voice" and self._voices.can_decode:
            voice = _Collected(silk.LARGEST, write)
            await self._fetch(ref, voice.take)
            await voice.end(self._voices)
        else:
            await self._fetch(ref, write)

    async def _fetch(self, ref: MediaRef, write: Write) -> None:
        source = source_of(ref)
        checked = _Checked(write)
        url = self._address(source)
        longest_s = _longest_s(source.size or LARGEST)
        http = self._client.http
        if source.key is None and ref.kind == "image":
            await http.download(url, _Bounded(checked.take), longest_s=longest_s)
            return
        key = self._key_of(ref.msg_id, source)
        decryption = crypt.Decryption(bytes.fromhex(key), checked.take)
        await http.download(url, _Bounded(decryption.take), longest_s=longest_s)
        try:
            await decryption.end()
            checked.compare(source)
        except crypt.CipherError as error:
            self._note_failure(ref.msg_id, key)
            raise BadResponse("download", str(error)) from None

    def _key_of(self, msg_id: str, source: Source) -> str:
        """Return the key to try next: the message's own, then those that came with the same file before."""
        if not source.key:
            raise BadResponse("download", "the message has no key for it that can be used")
        failed = self._failed.get(msg_id, ())
        others = self._client.memory.keys.of(source.md5) if source.md5 else []
        return next((key for key in (source.key, *others) if key not in failed), source.key)

    def _note_failure(self, msg_id: str, key: str) -> None:
        """Have the next try of this message use another key, if there is one."""
        failed = self._failed.pop(msg_id, [])
        self._failed[msg_id] = [*failed, key]
        if len(self._failed) > MOST_FAILED:
            del self._failed[next(iter(self._failed))]

    def _address(self, source: Source) -> URL:
        hosts = self._client.http.hosts
        url = hosts.media_at(source.url) if source.url else None
        if url is None and source.query:
            url = hosts.media("download", {"encrypted_query_param": source.query})
        if url is None:
            raise BadResponse("download", "the message does not say where it is on WeChat's CDN")
        return url

    # -- uploads ---------------------------------------------------------------------------------------------

    async def upload(self, media: LocalMedia, to: str) -> RemoteMedia:
        """Encrypt and upload a file for one person. Raises ``WeChatError``, ``OSError`` and ``CallerError`` (-3)."""
        if media.size > LARGEST:
            words = f"{media.name} has {media.size} bytes; more than {LARGEST} cannot be sent"
            raise CallerError(Code.MEDIA, words)
        kind = _SENT_AS.get(media.kind, "file")
        key, file_key = os.urandom(crypt.BLOCK), os.urandom(16).hex()
        permit = {
            "filekey": file_key,
            "media_type": _UPLOAD_TYPES[kind],
            "to_user_id": to,
            "rawsize": media.size,
            "rawfilemd5": media.md5,
            "filesize": crypt.cipher_size(media.size),
            "no_need_thumb": True,
            "aeskey": key.hex(),
        }
        reply = await self._client.ask(lambda session: calls.get_upload_url(session, permit))
        param = await self._put(self._permitted(reply, file_key), media, key)
        source = Uploaded(param, key.hex(), media.size, to)
        return RemoteMedia(
            kind=kind,
            media_id=file_key,
            name=media.name,
            size=media.size,
            ext=media.ext,
            source=msgspec.json.encode(source).decode(),
        )

    def _permitted(self, reply: wire.UploadReply, file_key: str) -> URL:
        """Return where to upload to. The full address counts: with the parameter alone, larger files fail (2026)."""
        hosts = self._client.http.hosts
        if (full := wire.text(reply.upload_full_url)) and (url := hosts.media_at(full)):
            return url
        if param := wire.text(reply.upload_param):
            return hosts.media("upload", {"encrypted_query_param": param, "filekey": file_key})
        raise Rejected("getuploadurl", 0, "the answer names no address to upload to")

    async def _put(self, url: URL, media: LocalMedia, key: bytes) -> str:
        """Post the file, up to three times: it reaches nobody yet."""
        pauses = islice(self._pace.backoff(), UPLOAD_TRIES - 1)
        while True:
            try:
                return await self._put_once(url, media, key)
            except (Unreachable, BadResponse) as error:
                pause_s = next(pauses, None)
                if pause_s is None:
                    raise
                log.info("%s; %s is uploaded again", error, media.name)
                await asyncio.sleep(pause_s)

    async def _put_once(self, url: URL, media: LocalMedia, key: bytes) -> str:
        size, http = crypt.cipher_size(media.size), self._client.http
        file = await open_in_thread(partial(_open, media))
        try:
            body = crypt.encrypted(_pieces(file, media.size), key)
            return await http.upload(url, body, size, longest_s=_longest_s(size))
        finally:
            # Of a broken upload, a piece may still be read; a buffered file is closed after that.
            await asyncio.to_thread(file.close)


def item_of(media: RemoteMedia) -> tuple[str, dict[str, Any]]:
    """Return whom an uploaded file may be sent to, and the item to send. Its fields are exactly these: others led to
    refusals (2026).

    Raises ``Rejected`` where another transport uploaded it.
    """
    try:
        source = msgspec.json.decode(media.source, type=Uploaded)
        key = bytes.fromhex(source.key)
    except (ValueError, RecursionError):
        raise Rejected(
            "sendmessage", 0, f"media_id {media.media_id[:100]} was not uploaded by iLink"
        ) from None
    content: dict[str, Any] = {
        "media": {
            "encrypt_query_param": source.param,
            "aes_key": crypt.encoded_key(key),
            "encrypt_type": 1,
        }
    }
    size = crypt.cipher_size(source.size)
    match media.kind:
        case "image":
            return source.to, {"type": calls.IMAGE, "image_item": content | {"mid_size": size}}
        case "video":
            return source.to, {"type": calls.VIDEO, "video_item": content | {"video_size": size}}
        case _:
            named = {"file_name": media.name, "len": str(source.size)}
            return source.to, {"type": calls.FILE, "file_item": content | named}


def _open(media: LocalMedia) -> BinaryIO:
    """Open a file that is to be sent. Raises ``OSError``."""
    return io.BufferedReader(open_regular(media.path, media.fingerprint))  # type: ignore[type-var]


async def _pieces(file: BinaryIO, size: int) -> AsyncGenerator[bytes, None]:
    """Read a file. Raises ``OSError``, also where it is not of this size."""
    left = size
    while data := await asyncio.to_thread(file.read, PIECE):
        left -= len(data)
        if left < 0:
            break
        yield data
    if left:
        raise ChangedError


class _Checked:
    """Passes bytes on, and compares them with what the message tells."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)

    async def take(self, data: bytes) -> None:
        self._size += len(data)
        self._md5.update(data)
        await self._write(data)

    def compare(self, source: Source) -> None:
        """Raise ``CipherError`` for another file."""
        if source.size and self._size != source.size:
            words = f"{self._size} bytes came, and the message tells {source.size}"
            raise crypt.CipherError(words)
        if len(source.md5) == 32 and self._md5.hexdigest() != source.md5:
            raise crypt.CipherError("what came has another MD5 than the message tells")


class _Collected:
    """Keeps a voice until it is whole, so that it can be decoded; one that is too large passes as it is."""

    def __init__(self, most: int, write: Write) -> None:
        self._most = most
        self._write = write
        self._data = bytearray()
        self._passes = False

    async def take(self, data: bytes) -> None:
        if self._passes:
            await self._write(data)
            return
        self._data += data
        if len(self._data) > self._most:
            self._passes = True
            await self._flush(bytes(self._data))

    async def end(self, voices: silk.Voices) -> None:
        """Pass the voice on, decoded if it can be."""
        if not self._passes and self._data:
            await self._flush(await voices.decoded(bytes(self._data)))

    async def _flush(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE):
            await self._write(data[start : start + PIECE])


class _Bounded:
    """Passes bytes on until there are too many of them."""

    def __init__(self, put: Write) -> None:
        self._put = put
        self._size = 0

    async def __call__(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > LARGEST + crypt.BLOCK:
            raise BadResponse("download", f"it is larger than {LARGEST} bytes")
        await self._put(data)


def _longest_s(size: int) -> float:
    """Return the longest time for a transfer, in seconds. ``size`` may be what a stranger told."""
    return _PATIENCE_S + min(size, LARGEST) / _SLOWEST
