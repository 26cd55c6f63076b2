"""A bot whose answers come from a language model, by any endpoint that speaks OpenAI's chat completions.

It follows the gateway's stream, so it needs no port of its own, and continues where it was. It answers only the chats
that LLM_CHATS names: each answer costs its owner money. In a group it answers who mentions the account.

    LLM_URL=http://127.0.0.1:11434/v1 LLM_MODEL=qwen3:8b LLM_CHATS=小灰,momo .venv/bin/python examples/llm_bot.py

| variable      | is                                                                                          |
| ------------- | ------------------------------------------------------------------------------------------- |
| LLM_URL       | the address that /chat/completions is put behind                                            |
| LLM_MODEL     | the name of the model                                                                       |
| LLM_KEY       | the key, if the endpoint wants one                                                          |
| LLM_CHATS     | who is answered: display names, ids or uids, joined by commas; @owner is you, with iLink;   |
|               | * is everybody (think twice)                                                                |
| LLM_PROMPT    | what the model is told to be                                                                |
| OPENWX_URL    | the gateway, else http://127.0.0.1:3000; OPENWX_TOKEN is its token                          |

The argument is the file with the id after which the bot continues; llm_bot.last_id if there is none.
"""

import asyncio
import logging
import os
import sys
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from pathlib import Path
from typing import TypeGuard

import aiohttp
import msgspec

from openwx.client import CallFailed, Client, KeyReused, Message, TextMessage

PROMPT = "You are a friendly assistant in a chat on WeChat. Answer briefly, in plain text without Markdown."
ANSWER_TOKENS = 1000
"""How long an answer may get, as the model counts."""
ANSWER_LETTERS = 2000
"""How long an answer may get in WeChat. It takes 16 KiB, which nobody reads."""
HISTORY_MESSAGES, HISTORY_LETTERS = 30, 6000
"""How much of the chat the model sees. All of it is paid for with each answer."""
AN_HOUR = 60
"""Answers a chat may get in an hour: two bots that talk to each other would never end."""
TOO_OLD_S = 600
"""After this time nobody waits for an answer any more."""
LOOK_UP_S = 60
"""Time after which the names of the allowed chats are looked up again for a chat that is none of them."""
MOST_ANSWERS = 1000
TIMEOUT_S = 120
SENT_WITHIN_S, LOOK_AGAIN_S = 10.0, 0.2
"""How long the next answer in a chat waits until the former one is sent."""
TRIES, PAUSE_S = 3, 2.0
BUSY = frozenset({408, 429, 500, 502, 503, 504})
MOST_BYTES = 2**20

log = logging.getLogger("llm_bot")


class Said(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class Choice(msgspec.Struct):
    message: Said


class Completion(msgspec.Struct):
    """What is read of the model's answer. Everything else in it is ignored."""

    choices: list[Choice]


class ModelError(Exception):
    """The model gave no answer. The text is for the log of the bot's owner, never for the chat."""


class Model:
    """An endpoint for chat completions."""

    def __init__(self, http: aiohttp.ClientSession, url: str, name: str, key: str) -> None:
        self._http = http
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._name = name
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    async def answer(self, messages: list[dict[str, str]]) -> str:
        """Return its answer, cut to what fits. Raises ``ModelError``."""
        why = ""
        for attempt in range(1, TRIES + 1):
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    status, body = await self._ask(messages)
            except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
                status, why = 503, str(error) or type(error).__name__
            else:
                if status == 200:
                    return _text(body)
                why = f"HTTP {status}: {body[:300].decode(errors='replace')!r}"
            if status not in BUSY or attempt == TRIES:
                break
            await asyncio.sleep(PAUSE_S * 4 ** (attempt - 1))
        raise ModelError(why)

    async def _ask(self, messages: list[dict[str, str]]) -> tuple[int, bytes]:
        body = {
            "model": self._name,
            "messages": messages,
            "max_tokens": ANSWER_TOKENS,
            "stream": False,
        }
        async with self._http.post(
            self._url, json=body, headers=self._headers, allow_redirects=False
        ) as response:
            data = bytearray()
            async for chunk in response.content.iter_any():
                data += chunk
                if len(data) > MOST_BYTES:
                    raise ModelError(f"its answer is longer than {MOST_BYTES} bytes")
            return response.status, bytes(data)


def _text(body: bytes) -> str:
    try:
        choices = msgspec.json.decode(body, type=Completion).choices
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"its answer cannot be understood: {error}") from None
    message = choices[0].message if choices else Said()
    text = (message.content or message.refusal or "").replace("\0", "").strip()
    if not text:
        raise ModelError("its answer is empty")
    return text if len(text) <= ANSWER_LETTERS else text[: ANSWER_LETTERS - 1] + "…"


class Bot:
    """Answers messages: one answer at a time in each chat, all chats beside each other."""

    def __init__(self, wx: Client, model: Model, chats: list[str], last_id: Path) -> None:
        self._wx = wx
        self._model = model
        self._names = chats
        self._file = last_id
        self._allowed: set[str] = set()
        self._looked_up_at = float("-inf")
        self._looking_up = asyncio.Lock()
        self._waiting: dict[str, tuple[int, TextMessage]] = {}
        """The newest message of each chat that waits for an answer, with its id in the stream."""
        self._answering: dict[str, int] = {}
        """The ids of the messages that are being answered, by chat."""
        self._answers: dict[str, str] = {}
        """The uid of the message that each of our own answers, the newest of them, is an answer to."""
        self._former: dict[str, str] = {}
        """The uid of our newest answer to a chat, until it was looked for in the history."""
        self._answered_at: defaultdict[str, deque[float]] = defaultdict(deque)
        self._seen = 0

    async def run(self) -> None:
        """Follow the stream until the gateway refuses that (``CallFailed``), or the program is stopped."""
        if not self._file.exists():
            self._seen = (await self._wx.check_event_after("now", timeout=0)).last_id
            self._save()
        after = self._file.read_text()
        events = self._wx.events(after, type="receive_message", format="text")
        log.info("follows %s after %s", self._wx.url, after)
        async with asyncio.TaskGroup() as tasks:
            async for message in events:
                self._seen = events.last_id or 0
                if isinstance(message, TextMessage) and self._asks(message):
                    chat = message.chat_id
                    self._waiting[chat] = self._seen, message
                    if chat not in self._answering:
                        self._answering[chat] = self._seen
                        tasks.create_task(self._serve(chat))
                self._save()

    def _asks(self, message: TextMessage) -> bool:
        """Return whether somebody wants an answer: a friend, or a member who mentions the account."""
        if time.time() - message.time > TOO_OLD_S:
            return False
        if message.type == "group_message":
            return message.mentions_me
        return message.type == "friend_message" and message.sender_category == "好友"

    async def _serve(self, chat: str) -> None:
        """Answer a chat until nothing in it waits. What came meanwhile gets one answer together."""
        while chat in self._waiting:
            self._answering[chat], message = self._waiting.pop(chat)
            try:
                if await self._is_allowed(chat):
                    await self._answer(message)
            except (ModelError, CallFailed) as error:
                log.warning("no answer to %r: %r", message.sender, str(error))
        del self._answering[chat]
        self._save()

    async def _answer(self, message: TextMessage) -> None:
        texts = in_order(
            [one for one in await self._history(message.chat_id) if is_said(one)], self._answers
        )
        if texts and texts[-1].source == "outer":
            return  # the owner has answered on the phone
        self._count(message.chat_id)
        answer = await self._model.answer(conversation(texts or [message]))
        wx = self._wx
        send = wx.send_group_message_later if message.in_group else wx.send_friend_message_later
        try:
            sent = await send(answer, id=message.chat_id, idempotency_key=f"llm_bot-{message.uid}")
        except KeyReused as error:
            log.info("%r was answered before: %s", message.sender, error.status)
        else:
            self._answers[sent.uid] = message.uid
            self._former[message.chat_id] = sent.uid
            if len(self._answers) > MOST_ANSWERS:
                del self._answers[next(iter(self._answers))]

    async def _history(self, chat: str) -> Sequence[Message]:
        """Return the newest messages of a chat. Our former answer was only accepted: wait a little until it is sent."""
        former = self._former.pop(chat, "")
        until = time.monotonic() + SENT_WITHIN_S
        while True:
            page = await self._wx.get_history(id=chat, limit=HISTORY_MESSAGES)
            is_there = not former or any(one.uid == former for one in page.messages)
            if is_there or time.monotonic() > until:
                return page.messages
            await asyncio.sleep(LOOK_AGAIN_S)

    def _count(self, chat: str) -> None:
        """Count an answer. Raises ``ModelError`` if the chat had too many."""
        answered_at = self._answered_at[chat]
        while answered_at and answered_at[0] < time.monotonic() - 3600:
            answered_at.popleft()
        if len(answered_at) >= AN_HOUR:
            raise ModelError(f"{AN_HOUR} answers in an hour, which is the most that a chat gets")
        answered_at.append(time.monotonic())

    async def _is_allowed(self, chat: str) -> bool:
        if "*" in self._names:
            return True
        async with self._looking_up:
            if chat not in self._allowed and time.monotonic() - self._looked_up_at > LOOK_UP_S:
                await self._look_up()  # ids change with a login
            return chat in self._allowed

    async def _look_up(self) -> None:
        """Find the ids of the allowed chats. A name that several have is nobody's: people choose their names."""
        self._looked_up_at = time.monotonic()
        friends, groups = await self._wx.get_friend_info(), await self._wx.get_group_basic_info()
        me = await self._wx.get_user_info()
        chats = {one.id: (one.id, str(one.uid), one.displayname) for one in friends}
        chats |= {one.id: (one.id, str(one.uid), one.displayname) for one in groups}
        self._allowed.clear()
        for name in self._names:
            known = slice(2) if is_id(name) else slice(3)
            if name == "@owner":
                ids = [me.id] if me.id in chats else []
            else:
                ids = [id_ for id_, names in chats.items() if name in names[known]]
            if len(ids) == 1:
                self._allowed.update(ids)
            else:
                log.warning("%s is not answered: %d chats are called so", name, len(ids))

    def _save(self) -> None:
        """Save the id up to which everything is answered."""
        unanswered = [id_ for id_, _ in self._waiting.values()] + list(self._answering.values())
        new = self._file.with_name(f"{self._file.name}.new")
        new.write_text(str(min(unanswered) - 1 if unanswered else self._seen))
        new.replace(self._file)


def is_id(name: str) -> bool:
    """Return whether it is an id or a uid, and no name: nobody becomes somebody else by calling themselves so."""
    is_number = name.isascii() and name.isdigit()
    return is_number or name.startswith("@") or name.endswith("@im.wechat")


def is_said(message: Message) -> TypeGuard[TextMessage]:
    """Return whether this was said in the chat: a text that was received, or really sent."""
    return isinstance(message, TextMessage) and message.type != "group_notice" and message.code == 0


def in_order(texts: list[TextMessage], answers: dict[str, str]) -> list[TextMessage]:
    """Put our answers behind what they answer: more may have been written before they were sent.

    ``answers`` has the uid of what was answered by the uid of the answer. The list ends with what others said.
    """
    place = {one.uid: number for number, one in enumerate(texts)}

    def key(one: TextMessage) -> tuple[int, int]:
        return place.get(answers.get(one.uid, ""), place[one.uid]), place[one.uid]

    found = sorted(texts, key=key)
    while found and not found[-1].is_received and found[-1].source != "outer":
        found.pop()
    return found


def conversation(texts: list[TextMessage]) -> list[dict[str, str]]:
    """Make the model's messages of a chat's: the newest, as many as fit into ``HISTORY_LETTERS``.

    What people write is data. It stands in messages of the role ``user`` and nowhere else, and no tool is offered, so
    the worst that it can bring about is a strange answer. Many models want the roles to alternate.
    """
    found: list[dict[str, str]] = []
    left = HISTORY_LETTERS
    for message in reversed(texts):
        text = message.content
        if message.is_received and message.in_group:
            text = f"{message.sender}: {text}"
        if not (text := text[:left]):
            break
        left -= len(text)
        role = "user" if message.is_received else "assistant"
        if found and found[-1]["role"] == role:
            found[-1]["content"] = f"{text}\n{found[-1]['content']}"
        else:
            found.append({"role": role, "content": text})
    if found[-1]["role"] == "assistant":
        found.pop()
    found.append({"role": "system", "content": os.environ.get("LLM_PROMPT") or PROMPT})
    return found[::-1]


async def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    chats = [name.strip() for name in os.environ.get("LLM_CHATS", "").split(",") if name.strip()]
    url, name = os.environ.get("LLM_URL", ""), os.environ.get("LLM_MODEL", "")
    if not (chats and url and name):
        sys.exit(
            "set LLM_URL, LLM_MODEL and LLM_CHATS; the first lines of this file say what they are"
        )
    wx = Client(
        os.environ.get("OPENWX_URL", "http://127.0.0.1:3000"), token=os.environ.get("OPENWX_TOKEN")
    )
    last_id = Path(sys.argv[1] if len(sys.argv) > 1 else "llm_bot.last_id")
    why = ""
    async with wx, aiohttp.ClientSession() as http:
        model = Model(http, url, name, os.environ.get("LLM_KEY", ""))
        try:
            await Bot(wx, model, chats, last_id).run()
        except* CallFailed as failed:
            why = str(failed.exceptions[0])
    sys.exit(why)


if __name__ == "__main__":
    asyncio.run(main())
