"""Conversations: the list of them, one of them, and writing in it."""

import secrets
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from openwx.accounts.history import Whereabouts, payload_of
from openwx.accounts.media.registry import described
from openwx.accounts.outgoing import OutgoingMessage
from openwx.api.routes.sending import SendFriendMessage, SendGroupMessage, send
from openwx.console.context import PageContext, base_of
from openwx.console.messages import Said, said, summary
from openwx.console.pictures import sizes_of
from openwx.domain.contacts import Chat, Group
from openwx.errors import CallerError, Code
from openwx.store.sqlite.journal import StoredReport

if TYPE_CHECKING:
    from openwx.accounts.account import Account

CHATS_SHOWN = 100
MESSAGES_SHOWN = 40


class Conversation(msgspec.Struct, frozen=True):
    """A line of the list. ``chat`` is None where it is not among the contacts now; ``line`` finds its history."""

    chat: Chat | None
    line: str
    name: str
    newest: Said
    words: str


class Unsent(msgspec.Struct, frozen=True):
    """A message that was accepted and waits to be sent."""

    uid: str
    text: str
    file: str


async def chats(visit: PageContext) -> web.StreamResponse:
    account = visit.account()
    uploads = await account.history.chats(CHATS_SHOWN)
    places = Whereabouts(account.contacts)
    listed = [_conversation(visit, places, one) for one in uploads if one.body]
    template = "parts/chats.html" if visit.is_fragment else "chats.html"
    return visit.page(template, account=account, listed=listed)


def _conversation(visit: PageContext, places: Whereabouts, upload: StoredReport) -> Conversation:
    payload = payload_of(upload)
    newest = said(upload.seq, payload)
    chat = places.of(payload, upload.chat)
    name = chat.displayname if chat else newest.chat
    return Conversation(chat, upload.chat, name, newest, summary(newest, visit.t))


async def chat(visit: PageContext) -> web.StreamResponse:
    """One conversation: what was said, what waits to be sent, and where to write."""
    account = visit.account()
    found, line = _which(visit, account)
    after = await account.history.newest()
    uploads = await account.history.of(line, before=visit.number("before"), limit=MESSAGES_SHOWN)
    messages = [said(one.seq, payload_of(one)) for one in reversed(uploads) if one.body]
    name = found.displayname if found else messages[-1].chat if messages else ""
    if found is None and not name:
        raise CallerError(Code.NOT_FOUND, "nothing of this conversation is kept any more")
    return visit.page(
        "parts/messages.html" if visit.is_fragment else "chat.html",
        account=account,
        chat=found,
        line=line,
        name=name,
        is_group=found is not None and isinstance(found, Group),
        messages=messages,
        recalled={one.recalls for one in messages if one.recalls},
        sizes=await sizes_of(messages, visit.media_roots),
        older=uploads[-1].seq if len(uploads) == MESSAGES_SHOWN else None,
        after=after,
        **await _composer(account, line),
    )


def _which(visit: PageContext, account: "Account") -> tuple[Chat | None, str]:
    """The chat that is asked for by its id of this login, or by its line; and its line."""
    id, line = visit.texts.get("id", ""), visit.texts.get("line", "")
    if id:
        chat = account.contacts.chat(id)
        if chat is None:
            words = "this chat is not known (any more): ids change with every login. Search for the name"
            raise CallerError(Code.NOT_FOUND, words)
        return chat, account.history.line_of(chat)
    if not line:
        raise CallerError(Code.BAD_PARAMETER, "which conversation? choose one from the list")
    return None, line


def _receiver(visit: PageContext, account: "Account") -> Chat:
    found, _ = _which(visit, account)
    if found is None:
        raise CallerError(Code.NOT_FOUND, "this chat is not among the contacts now")
    return found


def _require_running(account: "Account") -> None:
    if not account.is_running:
        words = "the account is not logged in now; the overview says why"
        raise CallerError(Code.NOT_RUNNING, words)


def _require_words(visit: PageContext) -> None:
    if not visit.texts.get("content", "").strip() and not visit.given.files:
        raise CallerError(Code.BAD_PARAMETER, "write something, or choose a file")


async def _composer(account: "Account", line: str) -> dict[str, Any]:
    """What waits, and a key that makes a form that is sent twice one message."""
    waiting = [_unsent(order) for order in await account.history.waiting(line)]
    return {"waiting": waiting, "once": secrets.token_urlsafe(16)}


def _unsent(order: OutgoingMessage) -> Unsent:
    file = ""
    if order.parcel is not None:
        file = described(order.parcel).get("media_name", "") or order.parcel.source or "file"
    return Unsent(order.uid, order.content, file)


async def waiting(visit: PageContext) -> web.StreamResponse:
    """The part that shows what waits to be sent."""
    account = visit.account()
    _, line = _which(visit, account)
    return visit.page("parts/waiting.html", account=account, **await _composer(account, line))


async def write(visit: PageContext) -> web.StreamResponse:
    """Accept a message; it is sent when its turn comes, and survives a crash."""
    account = visit.account()
    try:
        with visit.given.discard_on_error():
            _require_running(account)
            found = _receiver(visit, account)
            _require_words(visit)
            visit.texts["async"] = "1"
            kind = SendGroupMessage if isinstance(found, Group) else SendFriendMessage
            call = kind.read(visit.given)
            call.check()
        await send(account, lambda: found, call)
    except CallerError as error:
        if not visit.is_fragment:
            raise
        page = visit.page("parts/composer_error.html", account=account, error=error)
        page.headers.update({"HX-Retarget": "#composer-error", "HX-Reswap": "innerHTML"})
        return page
    if visit.is_fragment:
        line = account.history.line_of(found)
        return visit.page(
            "parts/composer.html", account=account, chat=found, **await _composer(account, line)
        )
    return visit.go(f"{base_of(account)}/chat", id=found.id)
