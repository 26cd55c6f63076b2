"""Avatars of people and groups: fetched once, and cached for a while.
Routes and the console get them by ``Account``.
"""

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
from openwx.transports.base import Transport

log = logging.getLogger("openwx.media")

HasAvatar = User | Friend | Group | Member

CACHED_S = 600.0
CACHE_SIZE = 16 * 1024 * 1024
"""Bytes of all cached pictures."""
MAX_SIZE = 4 * 1024 * 1024
"""Bytes of one picture."""
TRIES = 3
"""WeChat often answers with nothing for the moment."""
FETCHES = 4
"""Pictures that are fetched at a time."""
PICTURES = frozenset(
    {"image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "image/x-ms-bmp"}
)
"""A picture from outside must not run code in a browser, as SVG may."""


class Avatar(msgspec.Struct, frozen=True):
    """A picture. ``etag`` is a digest of its bytes."""

    data: bytes
    mime: str
    etag: str


class Avatars:
    """One account's avatars."""

    def __init__(self, transport: Transport, timing: Timing) -> None:
        self._transport = transport
        self._timing = timing
        self._slots = asyncio.Semaphore(FETCHES)
        self._cache: OrderedDict[str, tuple[Avatar, float]] = OrderedDict()
        self._size = 0
        self._login = ""
        self._fetching: dict[str, asyncio.Future[Avatar]] = {}

    async def of(self, whom: HasAvatar, room_id: str = "") -> Avatar:
        """Return the avatar of a person or group.

        For a member who is not a friend, WeChat requires the group's ``room_id``.

        Raise ``CallerError`` (100) if there is none, and ``WeChatError``.
        """
        self._forget_former_login()
        while (cached := self._find(whom.id)) is None:
            fetching = self._fetching.get(whom.id)
            if fetching is None:
                return await self._fetch_for_all(whom, room_id)
            await asyncio.wait({fetching})
            if not fetching.cancelled():
                return fetching.result()
        return cached

    def _forget_former_login(self) -> None:
        """Clear the cache after a new login, in which all ids are other ones."""
        identity = self._transport.identity
        login = identity.login_id if identity else ""
        if login != self._login:
            self._login = login
            self._cache.clear()
            self._size = 0

    def _find(self, id: str) -> Avatar | None:
        found, until = self._cache.get(id, (None, 0.0))
        return found if time.monotonic() < until else None

    async def _fetch_for_all(self, whom: HasAvatar, room_id: str) -> Avatar:
        """Fetch an avatar, also for those who ask for it meanwhile."""
        fetched = self._fetching[whom.id] = asyncio.get_running_loop().create_future()
        login = self._login
        try:
            found = await self._fetch(whom, room_id)
        except BaseException as error:
            if isinstance(error, Exception):
                fetched.set_exception(error)
                fetched.exception()  # marks it as retrieved: perhaps no other task waits for it
            else:
                fetched.cancel()
            raise
        else:
            fetched.set_result(found)
            if login == self._login:
                self._store(whom.id, found)
            return found
        finally:
            del self._fetching[whom.id]

    def _store(self, id: str, found: Avatar) -> None:
        former, _ = self._cache.pop(id, (None, 0.0))
        self._size += len(found.data) - (len(former.data) if former else 0)
        self._cache[id] = found, time.monotonic() + CACHED_S
        while self._size > CACHE_SIZE:
            _, (oldest, _) = self._cache.popitem(last=False)
            self._size -= len(oldest.data)

    async def _fetch(self, whom: HasAvatar, room_id: str) -> Avatar:
        pauses = self._timing.backoff()
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

    async def _download(self, whom: HasAvatar, room_id: str) -> bytes:
        data = bytearray()

        async def put(part: bytes) -> None:
            data.extend(part)
            if len(data) > MAX_SIZE:
                raise BadResponse("avatar", f"it is larger than {MAX_SIZE} bytes")

        await self._transport.download_avatar(whom, room_id, put)
        return bytes(data)


async def _avatar(data: bytes) -> Avatar:
    mime = await mime_of(data)
    if mime not in PICTURES:
        raise BadResponse("avatar", f"WeChat sent no picture but {mime}")
    return Avatar(data, mime, hashlib.sha256(data).hexdigest()[:32])
