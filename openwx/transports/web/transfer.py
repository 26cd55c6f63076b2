"""Uploads and downloads of media, which take more than one call (protocol reference, sections 5 and 6)."""

import asyncio
import logging
from functools import partial
from itertools import islice

from openwx.cancelling import open_in_thread
from openwx.domain.media import LocalMedia, MediaRef, RemoteMedia
from openwx.errors import BadResponse, Unreachable
from openwx.localfile import open_regular
from openwx.timing import Timing
from openwx.transports.web import download, send
from openwx.transports.web.client import WebClient
from openwx.transports.web.download_body import Put
from openwx.transports.web.session import Session
from openwx.transports.web.upload import CHUNK, UNCHECKED, Permit, Upload, check, chunks_of

log = logging.getLogger("openwx.wechat")

CHUNK_TRIES = 3
LOG_EVERY = 16
"""Interval at which the log shows an upload's progress, in chunks (8 MiB)."""
NOBODY_YET = "filehelper"
"""The receiver of an upload that has none yet."""


class Transfer:
    """Uploads, sends and downloads media with the client's present login. Every method raises ``WeChatError``."""

    def __init__(self, client: WebClient, pace: Timing) -> None:
        self._client = client
        self._pace = pace

    async def fetch(self, ref: MediaRef, put: Put) -> None:
        """Pass all bytes of received media to ``put``, in as many parts as WeChat makes of them.

        Raises ``BadResponse`` where the size is none of those that the message allows.
        """
        with self._client.logged_in() as session:
            name = download.fetch(session, ref).name
            longest_s = download.longest_s(ref)
            try:
                async with asyncio.timeout(longest_s):
                    size = await self._fetch(session, ref, put)
            except TimeoutError:
                words = f"not at its end within {longest_s:.0f} seconds"
                raise Unreachable(name, words) from None
            if size and ref.sizes and size not in ref.sizes:
                sizes = " or ".join(map(str, ref.sizes))
                raise BadResponse(name, f"{size} bytes came, and the message tells {sizes}")

    async def _fetch(self, session: Session, ref: MediaRef, put: Put) -> int:
        """Download part after part; return the number of bytes."""
        have = 0
        for _ in range(download.MOST_PIECES):
            call = download.fetch(session, ref, have)
            piece = await self._client.http.download(call, put, begin=have, sizes=ref.sizes)
            have += piece.size
            if piece.total is not None:
                is_whole = have >= piece.total
            else:
                is_whole = have in ref.sizes or have >= max(ref.sizes, default=0)
            if is_whole:
                return have
        words = f"it came in more than {download.MOST_PIECES} pieces"
        raise BadResponse(download.fetch(session, ref).name, words)

    async def upload(self, media: LocalMedia, to: str | None) -> RemoteMedia:
        """Upload a file, a chunk at a time. Raises ``OSError``, too, where it cannot be read."""
        own_id = self._client.contacts.user.id
        to = to or NOBODY_YET
        permit = None
        if media.size > UNCHECKED:
            reply = await self._client.ask(lambda s: check(s, own_id, to, media))
            permit = Permit(reply.AESKey, reply.Signature)
            if reply.MediaId:
                return _uploaded(media, reply.MediaId, permit)
        with self._client.logged_in() as session:
            work = Upload(session, own_id, to, media, permit)
            media_id = ""
            with await open_in_thread(partial(open_regular, media.path, media.fingerprint)) as file:
                for number in range(chunks_of(media)):
                    data = await asyncio.to_thread(file.read, CHUNK)
                    media_id = await self._chunk(work, number, data)
                    if (number + 1) % LOG_EVERY == 0:
                        share = 100 * (number + 1) // chunks_of(media)
                        log.info("uploading %s: %d %%", media.name, share)
        if not media_id:
            raise BadResponse("webwxuploadmedia", "the answer to the last chunk has no MediaId")
        return _uploaded(media, media_id, permit)

    async def _chunk(self, work: Upload, number: int, data: bytes) -> str:
        """Upload a chunk in up to three attempts: one lost answer must not fail the whole upload."""
        for pause_s in islice(self._pace.backoff(), CHUNK_TRIES - 1):
            try:
                return (await self._client.http.send(work.chunk(number, data))).MediaId
            except (Unreachable, BadResponse) as error:
                log.info("%s; the chunk is sent again", error)
                await asyncio.sleep(pause_s)
        return (await self._client.http.send(work.chunk(number, data))).MediaId

    async def send(self, to: str, what: RemoteMedia | MediaRef, client_msg_id: str) -> str:
        """Send uploaded media or forward received media, and return the MsgId. Safe to repeat with the same id."""
        own_id = self._client.contacts.user.id
        reply = await self._client.ask(
            lambda session: (
                send.uploaded_media(session, own_id, to, what, client_msg_id)
                if isinstance(what, RemoteMedia)
                else send.forward(session, own_id, to, what, client_msg_id)
            )
        )
        return reply.id


def _uploaded(media: LocalMedia, media_id: str, permit: Permit | None) -> RemoteMedia:
    return RemoteMedia(
        kind=media.kind,
        media_id=media_id,
        name=media.name,
        size=media.size,
        ext=media.ext,
        signature=permit.signature if permit else "",
    )
