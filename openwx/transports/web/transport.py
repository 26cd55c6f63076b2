"""Web WeChat as a ``Transport``: one client with its transfers and contact actions behind one object.
``WebTransports`` makes one for each account, which knows ``openwx.transports.base`` alone; ``service`` makes that.
"""

import logging
import math
from collections.abc import Mapping

import msgspec

from openwx import metrics
from openwx.config import AccountSettings
from openwx.domain.chat_ref import Identity
from openwx.domain.contact_book import ContactBook
from openwx.domain.contacts import Friend, Group, Member, User
from openwx.domain.media import LocalMedia, MediaRef, RemoteMedia
from openwx.errors import BadResponse
from openwx.lease import Gate
from openwx.timing import Timing
from openwx.transports.base import (
    Capability,
    ChangeSink,
    ContactActions,
    Inbox,
    Write,
    no_code_wanted,
)
from openwx.transports.network import Network
from openwx.transports.ratelimit import RateLimiter
from openwx.transports.standing import Standing
from openwx.transports.web import avatar, send, sync
from openwx.transports.web.client import WebClient
from openwx.transports.web.contact_actions import WebContactActions
from openwx.transports.web.contacts import FILEHELPER
from openwx.transports.web.contacts_snapshot import ContactsSnapshot
from openwx.transports.web.http import Http
from openwx.transports.web.login import Mode
from openwx.transports.web.session import Session
from openwx.transports.web.transfer import Transfer

log = logging.getLogger("openwx.account")


class WebTransport:
    """One account on web WeChat. Implements ``openwx.transports.base.Transport``."""

    kind = "web"
    capabilities = frozenset(Capability)
    drops_repeats = True
    shares_uploads = True
    owner_id = FILEHELPER
    budgets = ()

    def __init__(
        self, name: str, http: Http, *, mode: Mode, timing: Timing, limiter: RateLimiter
    ) -> None:
        self._name = name
        self._http = http
        self._timing = timing
        self._limiter = limiter
        self._client = WebClient(http, mode=mode, pace=timing, limiter=limiter)
        self._transfer = Transfer(self._client, timing)
        self._actions: WebContactActions

    async def until_sendable(self, chat_id: str) -> None:
        """Nothing bounds what may be sent."""

    async def verify_code(self, code: str) -> bool:
        raise no_code_wanted()

    @property
    def standing(self) -> Standing:
        return self._client.standing

    @property
    def identity(self) -> Identity | None:
        session = self._client.session
        return session.identity if session else None

    @property
    def contacts(self) -> ContactBook:
        return self._client.contacts

    @property
    def is_usable(self) -> bool:
        return self._client.is_usable

    @property
    def actions(self) -> ContactActions:
        return self._actions

    def connect(self, changes: ChangeSink) -> None:
        self._actions = WebContactActions(self._client, self._timing, self._limiter, changes)

    async def run(self, saved: Mapping[str, bytes], inbox: Inbox) -> None:
        await self._client.run(
            self._saved_session(saved),
            self._saved_contacts(saved),
            inbox,
            pushed_at=self._pushed_at(saved),
        )

    def state_at_stop(self) -> Mapping[str, bytes | None]:
        known = self._client.known
        return {} if known is None else {"contacts": known}

    async def log_out(self, saved: Mapping[str, bytes]) -> Mapping[str, bytes | None]:
        deleted: Mapping[str, bytes | None] = {"session": None, "uids": None}
        if "session" not in saved:
            return {}
        try:
            session = Session.from_bytes(saved["session"])
        except msgspec.DecodeError:
            log.warning("%s: the saved session cannot be read; it is deleted", self._name)
            return deleted
        self._http.resume(session)
        await self._http.send(sync.log_out(session))
        log.info("%s: logged out", self._name)
        return deleted

    async def send_text(self, chat_id: str, text: str, send_id: str) -> str:
        return await self._client.send_text(chat_id, text, send_id)

    async def send_media(self, chat_id: str, media: RemoteMedia | MediaRef, send_id: str) -> str:
        return await self._transfer.send(chat_id, media, send_id)

    def can_forward(self, ref: MediaRef) -> bool:
        return send.can_be_forwarded(ref)

    async def upload(self, media: LocalMedia, chat_id: str | None) -> RemoteMedia:
        return await self._transfer.upload(media, chat_id)

    async def download(self, ref: MediaRef, write: Write) -> None:
        await self._transfer.fetch(ref, write)

    async def download_avatar(
        self, person: User | Friend | Group | Member, room_id: str, write: Write
    ) -> None:
        with self._client.logged_in() as session:
            call = (
                avatar.of_group(session, person.id)
                if isinstance(person, Group)
                else avatar.of_person(session, person.id, room_id)
            )
            piece = await self._http.download(call, write)
        if piece.total != piece.size:
            raise BadResponse(call.name, f"{piece.size} bytes came, and there are more")

    async def close(self) -> None:
        await self._http.close()

    def _saved_session(self, saved: Mapping[str, bytes]) -> Session | None:
        if "session" not in saved:
            return None
        try:
            return Session.from_bytes(saved["session"], saved.get("uids"))
        except msgspec.DecodeError:
            words = "%s: the saved session cannot be read; a new login is needed"
            metrics.dropped(log, "saved_state", words, self._name)
            return None

    def _pushed_at(self, saved: Mapping[str, bytes]) -> float:
        """Return when the phone was asked last to confirm a login, in Unix time."""
        try:
            return float(saved.get("pushed", b"-inf"))
        except ValueError:
            words = "%s: when the phone was asked last cannot be read"
            metrics.dropped(log, "saved_state", words, self._name)
            return -math.inf

    def _saved_contacts(self, saved: Mapping[str, bytes]) -> ContactsSnapshot | None:
        if "contacts" not in saved:
            return None
        try:
            return ContactsSnapshot.from_bytes(saved["contacts"])
        except msgspec.DecodeError:
            words = "%s: the saved contacts cannot be read; what changed is not published"
            metrics.dropped(log, "saved_state", words, self._name)
            return None


class WebTransports:
    """Makes the transports of a process."""

    def __init__(self, network: Network, timing: Timing) -> None:
        self._network = network
        self._timing = timing

    def create(
        self,
        name: str,
        settings: AccountSettings,
        limiter: RateLimiter,
        *,
        is_guarded: bool,
        gate: Gate | None = None,
    ) -> WebTransport:
        timeout_s = self._timing.call_timeout_s
        way = self._network.way(settings, is_guarded=is_guarded, timeout_s=timeout_s, gate=gate)
        http = Http(way)
        return WebTransport(
            name, http, mode=settings.login_mode, timing=self._timing, limiter=limiter
        )
