"""A bot of iLink as a ``Transport``: one client with its sends, transfers and local names behind one object.
``ILinkTransports`` makes one for each account, which knows ``openwx.transports.base`` alone; ``service`` makes that.
"""

import logging
from collections.abc import Mapping, Sequence

from openwx.config import AccountSettings
from openwx.domain.chat_ref import Identity
from openwx.domain.contact_book import ContactBook
from openwx.domain.contacts import Friend, Group, Member, User
from openwx.domain.media import LocalMedia, MediaRef, RemoteMedia
from openwx.errors import Rejected
from openwx.lease import Gate
from openwx.timing import Timing
from openwx.transports.base import (
    Capability,
    ChangeSink,
    ContactActions,
    Inbox,
    SendBudget,
    Write,
)
from openwx.transports.ilink import sending
from openwx.transports.ilink.actions import KIND, ILinkContactActions, not_supported
from openwx.transports.ilink.client import ILinkClient
from openwx.transports.ilink.http import Http
from openwx.transports.ilink.memory import NAMES, Memory
from openwx.transports.ilink.transfer import Transfer, item_of
from openwx.transports.network import Network
from openwx.transports.ratelimit import RateLimiter
from openwx.transports.standing import Standing

log = logging.getLogger("openwx.account")


class ILinkTransport:
    """One account on iLink. Implements ``openwx.transports.base.Transport``."""

    kind = KIND
    capabilities = frozenset({Capability.CONTACTS, Capability.SEND_TEXT, Capability.SEND_MEDIA})
    drops_repeats = False
    shares_uploads = False

    def __init__(self, name: str, http: Http, *, timing: Timing, limiter: RateLimiter) -> None:
        self._name = name
        self._client = ILinkClient(http, pace=timing, limiter=limiter)
        self._transfer = Transfer(self._client, timing)
        self._actions: ILinkContactActions

    @property
    def owner_id(self) -> str | None:
        session = self._client.memory.session
        return session.person_id if session else None

    @property
    def budgets(self) -> Sequence[SendBudget]:
        memory = self._client.memory
        owner = [self.owner_id] if self.owner_id else []
        return memory.budgets.of(dict.fromkeys([*memory.people.friends, *owner]))

    async def until_sendable(self, chat_id: str) -> None:
        await self._client.until_sendable(chat_id)

    async def verify_code(self, code: str) -> bool:
        return await self._client.digits.hand_in(code)

    @property
    def standing(self) -> Standing:
        return self._client.standing

    @property
    def identity(self) -> Identity | None:
        session = self._client.session
        return session.identity if session else None

    @property
    def contacts(self) -> ContactBook:
        return self._client.memory.people

    @property
    def is_usable(self) -> bool:
        return self._client.is_usable

    @property
    def actions(self) -> ContactActions:
        return self._actions

    def connect(self, changes: ChangeSink) -> None:
        self._actions = ILinkContactActions(self._client, changes)

    async def run(self, saved: Mapping[str, bytes], inbox: Inbox) -> None:
        """Log in and follow the bot for ever. No login is ever refused for good, so it does not return."""
        await self._client.run(Memory.of(saved, self._name), inbox)

    def state_at_stop(self) -> Mapping[str, bytes | None]:
        memory = self._client.memory
        if memory.session is None:
            return {}
        people = memory.people.to_bytes(delivered_only=True)
        # The session, too: its token is told once, and a stop may come before it is saved.
        return {**memory.to_state("session", "budgets"), "people": people}

    async def log_out(self, saved: Mapping[str, bytes]) -> Mapping[str, bytes | None]:
        """Forget a saved session, and all that belongs to it. WeChat has no log-out for bots."""
        if "session" not in saved:
            return {}
        words = (
            "%s: logged out here: iLink has no log-out, so the token is deleted, and the bot stays in WeChat until"
            " its person removes it or binds another"
        )
        log.info(words, self._name)
        return dict.fromkeys([name for name in NAMES if name in saved], None)

    async def send_text(self, chat_id: str, text: str, send_id: str) -> str:
        return await sending.send_text(self._client, chat_id, text)

    async def send_media(self, chat_id: str, media: RemoteMedia | MediaRef, send_id: str) -> str:
        if isinstance(media, MediaRef):
            raise Rejected("sendmessage", 0, "received media must be uploaded to be sent on")
        to, item = item_of(media)
        if to != chat_id:
            raise Rejected("sendmessage", 0, "the file was uploaded for another person")
        return await sending.send_item(self._client, chat_id, item)

    def can_forward(self, ref: MediaRef) -> bool:
        return False

    async def upload(self, media: LocalMedia, chat_id: str | None) -> RemoteMedia:
        to = chat_id or self.owner_id or ""
        return await self._transfer.upload(media, to)

    async def download(self, ref: MediaRef, write: Write) -> None:
        await self._transfer.fetch(ref, write)

    async def download_avatar(
        self, person: User | Friend | Group | Member, room_id: str, write: Write
    ) -> None:
        raise not_supported(Capability.AVATARS)

    async def close(self) -> None:
        await self._client.http.close()


class ILinkTransports:
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
    ) -> ILinkTransport:
        timeout_s = self._timing.call_timeout_s
        way = self._network.way(settings, is_guarded=is_guarded, timeout_s=timeout_s, gate=gate)
        http = Http(way)
        return ILinkTransport(name, http, timing=self._timing, limiter=limiter)
