"""Passes what a call sends to the account's sender, and makes the answer. Routes and the console call it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from openwx.accounts.outgoing import OutgoingMedia, Sent
from openwx.api.contents import AsyncContent
from openwx.domain.contacts import Chat
from openwx.schemas import InExecution, MessageSent, SendingToAll

if TYPE_CHECKING:
    from openwx.accounts.account import Account


async def send(
    account: "Account", find: Callable[[], Chat], call: AsyncContent
) -> MessageSent | InExecution:
    """Send what a call asks for to the chat that ``find`` finds, and wait for the result unless it is ``async``."""
    if call.idempotency_key is not None:
        return await _send_once(account, find, call, call.idempotency_key)
    chat = find()
    before = call.before(account, chat)
    contents = await call.contents(account, keep=call.run_async, before=before)
    if call.run_async:
        waits_for = account.outgoing.waits_for(chat)
        return _in_execution(await account.outgoing.send_later([chat], contents), waits_for)
    return _message_sent(await account.outgoing.send_all(chat, contents))


async def _send_once(
    account: "Account", find: Callable[[], Chat], call: AsyncContent, key: str
) -> MessageSent | InExecution:
    waits_for = ""

    async def find_all() -> tuple[list[Chat], list[str | OutgoingMedia]]:
        nonlocal waits_for
        account.require_running()
        chat = find()
        waits_for = account.outgoing.waits_for(chat)
        before = call.before(account, chat)
        return [chat], await call.contents(account, keep=True, before=before)

    first = await account.outgoing.send_once(
        key, call.digest(), find_all, awaited=not call.run_async
    )
    if call.run_async:
        return _in_execution(first.uids, waits_for)
    if not await account.outgoing.keys.has_ended(key):
        account.require_running()
    outcomes = await account.outgoing.keys.outcomes(key)
    for one in outcomes:
        one.require_success()
    return _message_sent(
        [Sent(one.msg_id, f"{one.msg_id}:{one.chat_id}", one.media_id) for one in outcomes]
    )


async def send_to_all(account: "Account", call: AsyncContent) -> SendingToAll:
    """Accept what a call asks for, for every friend. Return how many there are."""

    async def find_all() -> tuple[list[Chat], list[str | OutgoingMedia]]:
        account.require_running()
        return account.outgoing.everybody(), await call.contents(account, keep=True)

    if call.idempotency_key is not None:
        key = call.idempotency_key
        first = await account.outgoing.send_once(key, call.digest(), find_all, bulk=True)
        return SendingToAll(count=first.chats)
    friends, contents = await find_all()
    await account.outgoing.send_later(friends, contents, bulk=True)
    return SendingToAll(count=len(friends))


def _in_execution(uids: Sequence[str], waits_for: str) -> InExecution:
    status = "request already in execution"
    return InExecution(
        code=0,
        status=f"{status}; it waits for {waits_for}" if waits_for else status,
        uid=uids[0],
        media_uid="".join(uids[1:]),
        waits_for=waits_for,
    )


async def send_and_wait(
    account: "Account",
    chat: Chat,
    contents: list[str | OutgoingMedia],
    on_begun: Callable[[], None],
) -> MessageSent:
    """Send text and file, one after the other. ``on_begun`` is called when one of them may reach WeChat."""
    return _message_sent(await account.outgoing.send_all(chat, contents, on_begun))


def _message_sent(sent: Sequence[Sent]) -> MessageSent:
    return MessageSent(
        status="发送成功",
        msg_id=sent[0].msg_id,
        id=sent[0].id,
        media_id=sent[-1].media_id,
        media_msg_id=sent[-1].msg_id if len(sent) > 1 else "",
        code=0,
    )
