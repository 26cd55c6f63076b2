"""Conversations: the list, one of them, and its composer. ``Console`` routes to them."""

import secrets
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from openwx.accounts import journal_guard
from openwx.accounts.history import ChatFinder
from openwx.accounts.media.registry import described
from openwx.accounts.outgoing import OutgoingMessage
from openwx.api.capabilities import require
from openwx.api.routes.sending import SendFriendMessage, SendGroupMessage
from openwx.api.sends import send
from openwx.console.context import PageContext, base_of
from openwx.console.messages import MessageView, message_of, one_line
from openwx.console.pictures import sizes_of
from openwx.console.wording import PageError, error_reason
from openwx.domain.contacts import Chat, Group, Member
from openwx.errors import CallerError, Code, LeaseLost
from openwx.reporter.payload import Payload, payload_in
from openwx.schemas import MAX_CONTENT
from openwx.store.base import InDoubt
from openwx.store.records import StoredReport
from openwx.transports.base import Capability

if TYPE_CHECKING:
    from openwx.accounts.account import Account

CHATS_SHOWN = 100
MESSAGES_SHOWN = 40


class Conversation(msgspec.Struct, frozen=True):
    """A row of the list. ``chat`` is None if it is not among the contacts now; ``chat_key`` finds its history."""

    chat: Chat | None
    chat_key: str
    name: str
    newest: MessageView
    words: str


class PendingMessage(msgspec.Struct, frozen=True):
    """A message that was accepted and is not sent yet."""

    uid: str
    text: str
    file: str


async def chats(context: PageContext) -> web.StreamResponse:
    account = context.account()
    reports = await account.history.chats(CHATS_SHOWN)
    known = ChatFinder(account.contacts)
    listed = [
        _conversation(context, known, report, payload)
        for report in reports
        if (payload := payload_in(report.body))
    ]
    template = "parts/chats.html" if context.is_fragment else "chats.html"
    return context.page(template, account=account, listed=listed)


def _conversation(
    context: PageContext, known: ChatFinder, report: StoredReport, payload: Payload
) -> Conversation:
    newest = message_of(report.seq, payload)
    chat = known.find(payload, report.chat)
    name = chat.displayname if chat else newest.chat
    return Conversation(chat, report.chat, name, newest, one_line(newest, context.t))


async def chat(context: PageContext) -> web.StreamResponse:
    """Show one conversation: its messages, those that wait to be sent, and the composer."""
    account = context.account()
    found, chat_key = requested_chat(context, account)
    after = await account.history.newest()
    found_page = await account.history.page(
        chat_key, words="", before=context.number("before"), limit=MESSAGES_SHOWN
    )
    messages = [
        message_of(number, msgspec.json.decode(body)) for number, body in found_page.messages
    ]
    name = found.displayname if found else messages[-1].chat if messages else ""
    if found is None and not name:
        raise PageError(Code.NOT_FOUND, "error.no_messages")
    return context.page(
        "parts/messages.html" if context.is_fragment else "chat.html",
        account=account,
        chat=found,
        chat_key=chat_key,
        name=name,
        is_group=found is not None and isinstance(found, Group),
        mentioned=_mentioned(context, found),
        messages=messages,
        recalled={message.recalls for message in messages if message.recalls},
        sizes=await sizes_of(messages, context.media_roots),
        older=found_page.before,
        after=after,
        **await _composer(account, chat_key),
    )


def _mentioned(context: PageContext, chat: Chat | None) -> Member | None:
    """Return the member whom the next message mentions, by the address (``at``)."""
    return chat.members.get(context.texts.get("at", "")) if isinstance(chat, Group) else None


def requested_chat(context: PageContext, account: "Account") -> tuple[Chat | None, str]:
    """Find the chat by its id of this login, or by its key only; return it with its key."""
    id, chat_key = context.texts.get("id", ""), context.texts.get("line", "")
    if id:
        chat = account.contacts.chat(id)
        if chat is None:
            raise PageError(Code.NOT_FOUND, "error.no_chat")
        return chat, account.history.chat_keys.of(chat)
    if not chat_key:
        raise PageError(Code.BAD_PARAMETER, "error.which_chat")
    return None, chat_key


async def mark_read(context: PageContext) -> web.StreamResponse:
    """Mark the chat as read on the phone, as the route ``mark_read`` does."""
    account = context.account()
    require(account, Capability.MARK_READ)
    _require_running(account)
    found = _recipient(context, account)
    await account.actions.mark_read(found)
    if context.is_fragment:
        return context.page("parts/marked.html", account=account)
    return context.redirect(f"{base_of(account.name)}/chat", id=found.id)


def _recipient(context: PageContext, account: "Account") -> Chat:
    found, _ = requested_chat(context, account)
    if found is None:
        raise PageError(Code.NOT_FOUND, "error.not_in_contacts")
    return found


def _require_running(account: "Account") -> None:
    if not account.is_running:
        raise PageError(Code.NOT_RUNNING, "error.not_logged_in")


def _require_content(context: PageContext) -> None:
    content = context.texts.get("content", "")
    if not content.strip() and not context.params.files:
        raise PageError(Code.BAD_PARAMETER, "error.nothing_to_send")
    if len(content.encode("utf-8", "surrogatepass")) > MAX_CONTENT:
        raise PageError(Code.BAD_PARAMETER, "error.too_long", most=MAX_CONTENT)


async def _composer(account: "Account", chat_key: str) -> dict[str, Any]:
    """Collect the pending messages, and a key that makes a form submitted twice one message."""
    pending = [_pending(order) for order in await account.history.waiting(chat_key)]
    return {"pending": pending, "once": secrets.token_urlsafe(16)}


def _pending(order: OutgoingMessage) -> PendingMessage:
    file = ""
    if order.parcel is not None:
        file = described(order.parcel).get("media_name", "") or order.parcel.source or "file"
    return PendingMessage(order.uid, order.content, file)


async def waiting(context: PageContext) -> web.StreamResponse:
    """Show the messages that wait to be sent."""
    account = context.account()
    _, chat_key = requested_chat(context, account)
    return context.page("parts/waiting.html", account=account, **await _composer(account, chat_key))


async def write(context: PageContext) -> web.StreamResponse:
    """Accept a message. It is stored, so that a crash does not lose it, and sent when its turn comes."""
    account = context.account()
    try:
        with context.params.discard_on_error():
            _require_running(account)
            found = _recipient(context, account)
            _require_content(context)
            context.texts["async"] = "1"
            kind = SendGroupMessage if isinstance(found, Group) else SendFriendMessage
            call = kind.read(context.params)
            call.check()
        await send(account, lambda: found, call)
    except (CallerError, InDoubt, LeaseLost) as error:
        if not context.is_fragment:
            raise
        known = error if isinstance(error, CallerError) else journal_guard.refusal(error)
        context.code = known.code
        reason = error_reason(error, context.t)
        page = context.page("parts/composer_error.html", account=account, reason=reason)
        page.headers.update({"HX-Retarget": "#composer-error", "HX-Reswap": "innerHTML"})
        return page
    if context.is_fragment:
        composer = await _composer(account, account.history.chat_keys.of(found))
        return context.page(
            "parts/composer.html", account=account, chat=found, mentioned=None, **composer
        )
    return context.redirect(f"{base_of(account.name)}/chat", id=found.id)
