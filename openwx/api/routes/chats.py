"""Routes about chats: their stored messages, marking them as read, and fetching their records anew.
``app`` serves them.
"""

from typing import TYPE_CHECKING, Annotated

import msgspec
from pydantic import Field

from openwx.api.callers import Scope
from openwx.api.models import MOST_LETTERS, FriendSelectors
from openwx.api.receivers import TO_OWNER, owner_of
from openwx.api.routing import route
from openwx.domain.contacts import Chat
from openwx.errors import CallerError, Code
from openwx.schemas import Done, History, Refreshed
from openwx.transports.base import Capability

if TYPE_CHECKING:
    from openwx.accounts.account import Account

MOST_MESSAGES = 200


class ChatSelectors(FriendSelectors):
    """Selectors of a friend or a group, or `id=@owner`: all must match, exactly or else in another spelling."""

    @property
    def selects(self) -> bool:
        """Whether a chat is selected at all."""
        return any(
            one is not None for one in (self.id, self.account, self.displayname, self.markname)
        )

    def chat(self, account: "Account") -> Chat:
        """Return the chat. CallerError: no selector (-2), none (100), the account itself (101), several (102)."""
        selectors = self.selectors()
        if selectors == {"id": TO_OWNER}:
            return owner_of(account)
        return account.contacts.find_chat(**selectors)


class GetHistory(ChatSelectors):
    """A friend or a group, or nobody for all chats; which page, and words to search for."""

    before: Annotated[
        int | None,
        Field(ge=1, lt=2**63, description="the number `before` of an earlier answer"),
    ] = None
    limit: Annotated[
        int, Field(ge=1, le=MOST_MESSAGES, description=f"a whole number from 1 to {MOST_MESSAGES}")
    ] = 50
    q: Annotated[
        str,
        Field(
            max_length=MOST_LETTERS,
            description=f"words in the content, at most {MOST_LETTERS} letters in all",
        ),
    ] = ""


@route("get_history", scope=Scope.READ, any_state=True, cancel_on_disconnect=True)
async def get_history(account: "Account", call: GetHistory) -> History:
    """Get the stored messages of a chat, or of all chats: the newest, oldest first, each as its report.

    `before` of the answer gets the ones before, and is null where there are none. With `q`, only messages whose content
    has all of its words, in any case and width; a call reads at most 5,000 messages, so `messages` may be empty while
    `before` is a number. Events are no messages. `media_data` is left out, and `media_path` may be deleted.
    """
    chat_key = _chat_key(account, call) if call.selects else None
    page = await account.history.page(chat_key, words=call.q, before=call.before, limit=call.limit)
    return History(messages=[msgspec.Raw(body) for _, body in page.messages], before=page.before)


def _chat_key(account: "Account", call: GetHistory) -> str:
    """Return the key of the chat; also of one that is no contact any more, by an id from a report."""
    try:
        return account.history.chat_keys.of(call.chat(account))
    except CallerError as error:
        if error.code not in (Code.NOT_FOUND, Code.NOT_POSSIBLE):
            raise
        if call.selectors().keys() == {"id"} and (
            key := account.history.chat_keys.of_id(call.id or "")
        ):
            return key
        account.require_running()  # else the contacts may not be known yet
        raise


@route("mark_read", scope=Scope.SEND, needs=(Capability.MARK_READ,))
async def mark_read(account: "Account", call: ChatSelectors) -> Done:
    """Mark a chat as read on the phone, as if it had been opened there."""
    await account.actions.mark_read(call.chat(account))
    return Done()


@route("refresh_contacts", scope=Scope.FULL, needs=(Capability.REFRESH,))
async def refresh_contacts(account: "Account", call: ChatSelectors) -> Refreshed:
    """Fetch a friend or a group anew from WeChat, or without selectors all contacts. Differences are told as events.

    All contacts are fetched at most once a minute (code -7); calls at the same time share one answer.
    """
    if call.selects:
        return Refreshed(changed=await account.actions.refresh(call.chat(account)))
    return Refreshed(changed=await account.refreshes.all())
