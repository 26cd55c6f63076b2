"""Makes an aiohttp handler for ``post_api`` of one function.

::

    @receiver(secret="…")
    async def bot(upload: Upload) -> str | None:
        match upload:
            case TextMessage(post_type="receive_message", content=content):
                return f"you said {content}"
        return None

    app.router.add_post("/", bot.handle)
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from aiohttp import web

from openwx.client import signature, uploads
from openwx.client.uploads import Reply, Upload

log = logging.getLogger("openwx.client")

Answer = Reply | str | Sequence[Reply | str] | None
"""Nothing, one reply, or several (at most ten), which are sent in order."""
Reaction = Callable[[Upload], Awaitable[Answer]]

MOST_BYTES = 128 * 2**20
"""Size of one report, which may contain media in base64. aiohttp's own limit of 1 MiB does not apply."""
REMEMBERED = 10_000
"""Number of answers that are stored for repeated reports."""


class Receiver:
    """An aiohttp handler (``handle``) that passes each report to ``react`` once, and answers what that returns.

    A text or a ``Reply`` goes to the chat that the message came from, a list of them in its order. What ``react``
    raises becomes HTTP 500, and the gateway tries again. A report whose answer was lost comes again with the same
    ``webhook-id``: it gets the first answer, and ``react`` is not called. With ``secret``, the gateway's
    ``report.secret``, what is not signed with it is refused with HTTP 401.
    """

    def __init__(self, react: Reaction, *, secret: str | None = None) -> None:
        if secret is not None:
            signature.check_secret(secret)
        self._react = react
        self._secret = secret
        self._answers: OrderedDict[str, bytes] = OrderedDict()
        self._turns: dict[str, asyncio.Event] = {}

    async def handle(self, request: web.Request) -> web.Response:
        """Handle POST requests."""
        body = await _read(request)
        if self._secret is not None:
            try:
                signature.verify(self._secret, request.headers, body)
            except signature.BadSignatureError as error:
                raise web.HTTPUnauthorized(text=str(error)) from None
        try:
            upload = uploads.decode(body)
        except uploads.NotAnUploadError as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        webhook_id = request.headers.get("webhook-id")
        if webhook_id is None:
            return _response(_encoded(await self._react(upload)))
        return _response(await self._once(webhook_id, upload))

    async def _once(self, webhook_id: str, upload: Upload) -> bytes:
        while (turn := self._turns.get(webhook_id)) is not None:
            await turn.wait()
        if (answer := self._answers.get(webhook_id)) is not None:
            log.info("%s came again, and is answered as before", webhook_id)
            return answer
        turn = self._turns[webhook_id] = asyncio.Event()
        try:
            answer = _encoded(await self._react(upload))
            self._answers[webhook_id] = answer
        finally:
            del self._turns[webhook_id]
            turn.set()
        if len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)
        return answer


def receiver(*, secret: str | None = None) -> Callable[[Reaction], Receiver]:
    """Decorate a function to make a ``Receiver`` of it."""

    def make(react: Reaction) -> Receiver:
        return Receiver(react, secret=secret)

    return make


def _encoded(answer: Answer) -> bytes:
    if isinstance(answer, Sequence) and not isinstance(answer, str):
        return msgspec.json.encode({"replies": [_reply(one) for one in answer]})
    return msgspec.json.encode(_reply(answer))


def _reply(answer: object) -> Reply:
    if isinstance(answer, str):
        return Reply(answer)
    if not isinstance(answer, Reply | None):
        words = "the function must return a text, a Reply, a list of them or None"
        raise TypeError(f"{words}, not {answer!r}")
    return answer or Reply()


def _response(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


async def _read(request: web.Request) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MOST_BYTES:
            raise web.HTTPRequestEntityTooLarge(MOST_BYTES, len(body))
    return bytes(body)
