"""Pictures of people and groups: fetched once, and kept for a while."""

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict

import msgspec

from openwx.accounts.media.types import mime_of
from openwx.domain.contacts import Friend, Group, Member, User
from openwx.errors import BadResponse, CallerError, Code, Unreachable
from openwx.timing import Timing
from openwx.transports.web import avatar
from openwx.transports.web.client import Client

log = logging.getLogger("openwx.media")

Whom = User | Friend | Group | Member

KEPT_S = 600.0
KEPT_BYTES = 16 * 1024 * 1024
LARGEST = 4 * 1024 * 1024
"""Bytes of a picture."""
TRIES = 3
"""WeChat often answers with nothing for the moment."""
AT_ONCE = 4
PICTURES = frozenset(
    {"image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "image/x-ms-bmp"}
)
"""What comes from outside and is shown in a browser must be nothing that runs there, as SVG may."""


class Avatar(msgspec.Struct, frozen=True):
    """A picture; ``etag`` is made of its bytes."""

    data: bytes
    mime: str
    etag: str


class Avatars:
    """One account's."""

    def __init__(self, client: Client, pace: Timing) -> None:
        self._client = client
        self._pace = pace
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._kept: OrderedDict[str, tuple[Avatar, float]] = OrderedDict()
        self._size = 0
        self._login = ""
        self._fetching: dict[str, asyncio.Future[Avatar]] = {}

    async def of(self, whom: Whom, room_id: str = "") -> Avatar:
        """The picture; for a member who is no friend, WeChat wants the ``room_id`` of his group.

        Raises ``CallerError`` (100) where there is none, and ``WeChatError``.
        """
        self._forget_former_login()
        while (kept := self._find(whom.id)) is None:
            fetching = self._fetching.get(whom.id)
            if fetching is None:
                return await self._fetch_for_all(whom, room_id)
            await asyncio.wait({fetching})
            if not fetching.cancelled():
                return fetching.result()
        return kept

    def _forget_former_login(self) -> None:
        """Its ids are nobody's now."""
        session = self._client.session
        login = session.login_id if session else ""
        if login != self._login:
            self._login = login
            self._kept.clear()
            self._size = 0

    def _find(self, id: str) -> Avatar | None:
        found, until = self._kept.get(id, (None, 0.0))
        return found if time.monotonic() < until else None

    async def _fetch_for_all(self, whom: Whom, room_id: str) -> Avatar:
        """Fetch; who asks for the same meanwhile gets the same."""
        fetched = self._fetching[whom.id] = asyncio.get_running_loop().create_future()
        login = self._login
        try:
            found = await self._fetch(whom, room_id)
        except BaseException as error:
            if isinstance(error, Exception):
                fetched.set_exception(error)
                fetched.exception()  # nobody else may have asked
            else:
                fetched.cancel()
            raise
        else:
            fetched.set_result(found)
            if login == self._login:
                self._keep(whom.id, found)
            return found
        finally:
            del self._fetching[whom.id]

    def _keep(self, id: str, found: Avatar) -> None:
        former, _ = self._kept.pop(id, (None, 0.0))
        self._size += len(found.data) - (len(former.data) if former else 0)
        self._kept[id] = found, time.monotonic() + KEPT_S
        while self._size > KEPT_BYTES:
            _, (oldest, _) = self._kept.popitem(last=False)
            self._size -= len(oldest.data)

    async def _fetch(self, whom: Whom, room_id: str) -> Avatar:
        pauses = self._pace.backoff()
        failure: Unreachable | BadResponse | None = None
        for number in range(TRIES):
            if number:
                await asyncio.sleep(next(pauses))
            try:
                async with self._slots:
                    data = await self._download(whom, room_id)
                if data:
                    return await _avatar(data)
            except (Unreachable, BadResponse) as error:
                log.info("%s; the avatar is tried again", error)
                failure = error
            else:
                failure = None
        if failure is not None:
            raise failure
        raise CallerError(Code.NOT_FOUND, f"{whom.displayname} has no avatar")

    async def _download(self, whom: Whom, room_id: str) -> bytes:
        data = bytearray()

        async def put(part: bytes) -> None:
            data.extend(part)
            if len(data) > LARGEST:
                raise BadResponse("avatar", f"it is larger than {LARGEST} bytes")

        with self._client.logged_in() as session:
            call = (
                avatar.of_group(session, whom.id)
                if isinstance(whom, Group)
                else avatar.of_person(session, whom.id, room_id)
            )
            piece = await self._client.http.download(call, put)
            if piece.total != piece.size:
                raise BadResponse(call.name, f"{piece.size} bytes came, and there are more")
        return bytes(data)


async def _avatar(data: bytes) -> Avatar:
    mime = await mime_of(data)
    if mime not in PICTURES:
        raise BadResponse("avatar", f"WeChat sent no picture but {mime}")
    return Avatar(data, mime, hashlib.sha256(data).hexdigest()[:32])
