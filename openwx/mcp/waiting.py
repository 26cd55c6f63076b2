"""One call of ``wait_for_message``: reads the stream of the gateway, whichever gateway runs meanwhile."""

import asyncio

from mcp.server.mcpserver.exceptions import ToolError

from openwx.client import BadParameter, Client, Events, Message, NotFound, Unauthenticated
from openwx.errors import OpenwxError
from openwx.mcp import answers, messages
from openwx.mcp.chats import Book, Contact, choose, look
from openwx.mcp.gateway import Gateway, tool_error, words

MOST_LETTERS = 60_000
"""Letters of all messages of one answer."""
_MORE_S = 0.3
"""How long more messages are waited for that may be there already, in seconds."""
_AGAIN_S = 0.5
_CONNECTION_S = 10.0
"""How long one connection is listened to, in seconds: then the gateway is found anew, for it may have moved."""
_LOOK_AGAIN_S = 2.0
_FOR_GOOD = (Unauthenticated, BadParameter, NotFound)


class NotReadableError(ToolError):
    """The chat is not in ``read_from``."""

    def __init__(self) -> None:
        super().__init__("this chat may not be read: it is not in read_from of the configuration")


class _NoChatError(Exception):
    """The chat that is asked for is none, or several."""

    def __init__(self, found: answers.Found) -> None:
        super().__init__(found.outcome)
        self.found = found


class Wait:
    """What is waited for, and what came."""

    def __init__(
        self, gateway: Gateway, chat: str, after: int | None, *, limit: int, timeout_s: float
    ) -> None:
        self._gateway = gateway
        self._chat = chat
        self._limit = limit
        self._now = asyncio.get_running_loop().time
        self._deadline = self._now() + timeout_s
        self._letters = 0
        self._looked_at = 0.0
        self._contact: Contact | None = None
        self._answer = answers.Waited(outcome="found", after=after)

    async def run(self) -> answers.Waited:
        """Wait until something came, or the time is over. Raises ``ToolError``."""
        try:
            while not self._answer.messages:
                await self._try()
                if self._now() >= self._deadline:
                    break
        except _NoChatError as error:
            return answers.Waited(**dict(error.found))
        return self._answer

    async def _try(self) -> None:
        self._answer.untrusted_detail = ""
        try:
            async with self._gateway.open() as wx:
                await self._listen(wx)
        except _FOR_GOOD as error:
            raise tool_error(error) from error
        except OpenwxError as error:
            if self._now() + _AGAIN_S >= self._deadline and self._answer.after is None:
                raise tool_error(error) from error  # there is no place to go on from
            self._answer.untrusted_detail = words(error)
            await asyncio.sleep(max(0.0, min(_AGAIN_S, self._deadline - self._now())))

    async def _listen(self, wx: Client) -> None:
        if self._answer.after is None:
            self._answer.after = (await wx.check_event_after("now", timeout=0)).last_id
        book = await self._look(wx)
        events = wx.events(self._answer.after, type="receive_message")
        until = self._now() + _CONNECTION_S
        while (message := await self._next(events, until)) is not None:
            if self._must_look_again(book, message):
                book = await self._look(wx)
            if not self._add(book, message):
                return
            self._answer.after = events.last_id
        if events.last_id is not None:
            self._answer.after = events.last_id

    async def _next(self, events: Events, until: float) -> Message | None:
        """Wait for the next message; None where it is time to look around, or to answer."""
        now = self._now()
        until = now if self._answer.messages else min(until, self._deadline)
        try:
            async with asyncio.timeout_at(max(until, now + _MORE_S)):
                async for upload in events:
                    if isinstance(upload, Message):
                        return upload
        except TimeoutError:
            pass
        finally:
            self._answer.missed = self._answer.missed or events.missed > 0
        return None

    async def _look(self, wx: Client) -> Book:
        """Get the contacts, and find the chat among them."""
        book = await look(wx, self._gateway.settings.mcp)
        self._looked_at = self._now()
        if self._chat:
            chosen = choose(book, self._chat)
            if chosen.contact is None:
                raise _NoChatError(chosen.found)
            if not book.may_read(chosen.contact):
                raise NotReadableError
            self._contact = chosen.contact
        return book

    def _must_look_again(self, book: Book, message: Message) -> bool:
        """Whether the message is of a chat that is new, or has another id since a new login."""
        unknown = book.of_message(message.chat_id, messages.chat_uid(message)) is None
        return unknown and self._now() > self._looked_at + _LOOK_AGAIN_S

    def _add(self, book: Book, message: Message) -> bool:
        """Add a message if it is wanted and may be read. Return False where the answer is full without it."""
        of = book.of_message(message.chat_id, messages.chat_uid(message))
        if of is None and not (book.reads_all and self._contact is None):
            self._answer.unattributed += 1
            return True
        if of is not None and not book.may_read(of):
            return True
        if self._contact is not None and of is not None and of.id != self._contact.id:
            return True
        shown = messages.shown(message)
        self._letters += messages.letters(shown)
        is_full = self._letters > MOST_LETTERS or len(self._answer.messages) >= self._limit
        if self._answer.messages and is_full:
            self._answer.more = True
            return False
        self._answer.messages.append(shown)
        return True
