"""Recalls messages that an account sent: finds the chat to which a message went.
The route ``revoke_message`` calls it, by ``Account``.
"""

from typing import Any

from openwx.accounts import journal_guard
from openwx.domain.chat_ref import NOBODY
from openwx.errors import CallerError, Code
from openwx.reporter.payload import payload_in
from openwx.store.base import Journal, JournalError
from openwx.transports.base import Transport


class Recalls:
    """One account's recalls."""

    def __init__(self, account: str, journal: Journal, transport: Transport) -> None:
        self._account = account
        self._journal = journal
        self._transport = transport

    async def recall(self, id: str) -> None:
        """Recall a message by its MsgId, or by ``<MsgId>:<receiver id>``.

        Raise ``CallerError`` (100) for a message that this account did not send, and what ``ContactActions`` raises.
        """
        msg_id, _, chat_id = id.partition(":")
        await self._transport.actions.recall(msg_id, await self._chat_of(msg_id, chat_id))

    async def _chat_of(self, msg_id: str, chat_id: str) -> str:
        """Return the receiver's id in the present login."""
        contacts = self._transport.contacts
        if contacts.chat(chat_id) is not None:
            return chat_id
        payload = await self._payload_of(msg_id)
        receiver_id = str(payload.get("id", "")).partition(":")[2]
        if contacts.chat(receiver_id) is not None and chat_id in ("", receiver_id):
            return receiver_id
        # Ids change with a login, uids do not.
        uid = payload.get("group_uid") if "group_id" in payload else payload.get("receiver_uid")
        chats = contacts.groups if "group_id" in payload else contacts.friends
        same = [chat.id for chat in chats.values() if uid and chat.uid == uid]
        if len(same) != 1 or chat_id not in ("", receiver_id):
            raise CallerError(
                Code.NOT_FOUND, f"this account sent no message {msg_id} that it knows of"
            )
        return same[0]

    async def _payload_of(self, msg_id: str) -> dict[str, Any]:
        """Return the payload of a message's ``send_message`` report, or an empty one."""
        identity = self._transport.identity or NOBODY
        try:
            body = await self._journal.body_of(self._account, f"{identity.uin}:{msg_id}")
        except JournalError as error:
            raise journal_guard.not_kept(error, "the message cannot be looked up") from error
        payload = payload_in(body)
        return payload if payload.get("post_type") == "send_message" else {}
