"""Calls that send. Each carries an ``Idempotency-Key``: a new one, or the given one."""

import uuid
from collections.abc import Sequence
from typing import Any, TypeVar

from openwx.client.answers import (
    Consulted,
    InExecution,
    MediaUploaded,
    MessageRevoked,
    MessageSent,
    SendingToAll,
)
from openwx.client.calls import OUTCOME_S, Calls
from openwx.client.media import Medium, parameters

T = TypeVar("T")

TO_ALL = "@all"


class Sending(Calls):
    """Calls that send a text (``content``), media, or both, text first.

    Media is one of: ``media`` (see ``Medium``), ``media_path`` (a file on the gateway's machine, within its
    ``media.roots``), or ``media_id`` (of one that was sent or received before). ``media_name`` is what to call it.
    ``id="@owner"`` is the account's own person: File Transfer by web WeChat, whoever scanned by iLink.
    """

    async def send_friend_message(
        self,
        content: str | None = None,
        *,
        id: str | None = None,
        account: str | None = None,
        displayname: str | None = None,
        markname: str | None = None,
        media: Medium | None = None,
        media_path: str | None = None,
        media_id: str | None = None,
        media_name: str | None = None,
        idempotency_key: str | None = None,
    ) -> MessageSent:
        """Send to a friend, and wait until WeChat has accepted it."""
        params = _friend(id, account, displayname, markname)
        params |= _content(content, media, media_path, media_id, media_name)
        return await self._send("send_friend_message", MessageSent, params, idempotency_key)

    async def send_friend_message_later(
        self,
        content: str | None = None,
        *,
        id: str | None = None,
        account: str | None = None,
        displayname: str | None = None,
        markname: str | None = None,
        media: Medium | None = None,
        media_path: str | None = None,
        media_id: str | None = None,
        media_name: str | None = None,
        idempotency_key: str | None = None,
    ) -> InExecution:
        """Queue it (``async=1``); the ``send_message`` report with the same ``uid`` has the outcome."""
        params = _friend(id, account, displayname, markname)
        params |= _content(content, media, media_path, media_id, media_name) | {"async": True}
        return await self._send("send_friend_message", InExecution, params, idempotency_key)

    async def send_to_all_friends(
        self,
        content: str | None = None,
        *,
        media: Medium | None = None,
        media_path: str | None = None,
        media_id: str | None = None,
        media_name: str | None = None,
        idempotency_key: str | None = None,
    ) -> SendingToAll:
        """Queue it for every friend of category 好友, one after the other."""
        params = {"id": TO_ALL, **_content(content, media, media_path, media_id, media_name)}
        return await self._send("send_friend_message", SendingToAll, params, idempotency_key)

    async def send_group_message(
        self,
        content: str | None = None,
        *,
        id: str | None = None,
        displayname: str | None = None,
        media: Medium | None = None,
        media_path: str | None = None,
        media_id: str | None = None,
        media_name: str | None = None,
        at: str | Sequence[str] = (),
        idempotency_key: str | None = None,
    ) -> MessageSent:
        """Send to a group, and wait until WeChat has accepted it. ``at``: the id of a member whom the text mentions,
        several of them, or ``"@all"``."""
        params = {"id": id, "displayname": displayname, "at": _at(at)}
        params |= _content(content, media, media_path, media_id, media_name)
        return await self._send("send_group_message", MessageSent, params, idempotency_key)

    async def send_group_message_later(
        self,
        content: str | None = None,
        *,
        id: str | None = None,
        displayname: str | None = None,
        media: Medium | None = None,
        media_path: str | None = None,
        media_id: str | None = None,
        media_name: str | None = None,
        at: str | Sequence[str] = (),
        idempotency_key: str | None = None,
    ) -> InExecution:
        """Queue it (``async=1``), as ``send_friend_message_later``."""
        params = {"id": id, "displayname": displayname, "at": _at(at)}
        params |= _content(content, media, media_path, media_id, media_name) | {"async": True}
        return await self._send("send_group_message", InExecution, params, idempotency_key)

    async def upload_media(
        self,
        media: Medium | None = None,
        *,
        media_path: str | None = None,
        media_name: str | None = None,
    ) -> MediaUploaded:
        """Upload a file once; its ``media_id`` can be sent any number of times."""
        params = parameters(media, media_path, media_name)
        return await self._call("upload_media", MediaUploaded, params, wait_s=OUTCOME_S, again=True)

    async def revoke_message(self, id: str) -> MessageRevoked:
        """Take back a message (the ``id`` or ``msg_id`` of its answer) within two minutes."""
        return await self._call("revoke_message", MessageRevoked, {"id": id}, wait_s=OUTCOME_S)

    async def consult(
        self,
        content: str | None = None,
        *,
        id: str | None = None,
        account: str | None = None,
        displayname: str | None = None,
        markname: str | None = None,
        media: Medium | None = None,
        media_path: str | None = None,
        media_id: str | None = None,
        media_name: str | None = None,
        timeout: float = 30.0,
    ) -> Consulted:
        """Ask a friend and wait for the answer, ``timeout`` seconds (1 to 300) from the send on."""
        params = _friend(id, account, displayname, markname)
        params |= _content(content, media, media_path, media_id, media_name) | {"timeout": timeout}
        # Questions to the same friend wait for each other.
        wait_s = OUTCOME_S + 2 * timeout
        return await self._call("consult", Consulted, params, wait_s=wait_s)

    async def _send(
        self, route: str, answer: type[T], params: dict[str, Any], key: str | None
    ) -> T:
        if key is None and self._retry_for_s > 0:
            key = uuid.uuid4().hex
        return await self._call(route, answer, params, wait_s=OUTCOME_S, key=key)


def _at(at: str | Sequence[str]) -> str | None:
    """Return ids joined by commas, as the gateway takes them."""
    return (at if isinstance(at, str) else ",".join(at)) or None


def _friend(
    id: str | None, account: str | None, displayname: str | None, markname: str | None
) -> dict[str, Any]:
    return {"id": id, "account": account, "displayname": displayname, "markname": markname}


def _content(
    content: str | None,
    media: Medium | None,
    media_path: str | None,
    media_id: str | None,
    media_name: str | None,
) -> dict[str, Any]:
    params = parameters(media, media_path, media_name)
    return {"content": content, "media_id": media_id, **params}
