"""One person's chat with a bot: what the person writes, and what the phone shows. `clawbot` has the owner's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..media import Medium, medium_of
from ..notifier import PATIENCE_S, Notifier
from .bot import Bot
from .cipher import cipher_size, spell_key
from .items import reference
from .model import Arrival, Attachment, BotMessage, Said, Written
from .options import KeySpelling, QuoteForm, Repeat
from .registry import Registry


class Host(Protocol):
    """The part of an account that its bots use."""

    @property
    def name(self) -> str: ...
    @property
    def pulse(self) -> Notifier: ...


class Chat:
    """One person's chat with a bot. The person writes with the verbs, and sees `inbox`."""

    def __init__(self, registry: Registry, account: Host, name: str) -> None:
        self.account = account
        self.name = name
        """Of the person. Bots never learn it."""
        self.user_id = registry.person_id()
        self.restricted = False
        """The service accepts what is sent to the person, without a `message_id`, and shows nothing of it."""
        self.messages: list[Said] = []
        """Both directions, oldest first, over all bots."""
        self.inbox: list[BotMessage] = []
        """What the bot sent and the phone shows, oldest first."""
        self.heard = 0
        """The number of these that a scenario has waited for."""
        self.unread = 0
        self._registry = registry

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<Chat of {self.name} with a bot of {self.account.name}>"

    @property
    def bot(self) -> Bot:
        """The bot that the person writes to. Raises LookupError while there is none."""
        raise NotImplementedError

    # Seeing

    @property
    def texts(self) -> list[str]:
        """The texts that the phone shows of the bot, oldest first."""
        return [message.text for message in self.inbox]

    @property
    def sees_typing(self) -> bool:
        """Whether the phone says that the bot is typing."""
        return self.user_id in self.bot.typing

    @property
    def sends_left(self) -> int | None:
        """The number of messages that the bot may send now; None without a limit."""
        window = self.bot.windows.get(self.user_id)
        return 0 if window is None else window.left(self._registry.options)

    async def hears(self, n: int = 1, timeout_s: float = PATIENCE_S) -> list[BotMessage]:
        """Return the next `n` messages that no `hears` returned before, or raise TimeoutError."""
        begin = self.heard
        if not await self.account.pulse.until(lambda: len(self.inbox) >= begin + n, timeout_s):
            got = len(self.inbox) - begin
            raise TimeoutError(f"{self.name} heard {got} of {n} messages within {timeout_s} s")
        self.heard = begin + n
        return self.inbox[begin : begin + n]

    async def hears_text(self, timeout_s: float = PATIENCE_S) -> str:
        """Return the text of the next message."""
        return (await self.hears(1, timeout_s))[0].text

    def opens(self) -> None:
        """Look at the chat: nothing is unread."""
        self.unread = 0
        self.account.pulse.notify()

    def shows(self, message: BotMessage) -> None:
        """Show a message of the bot. The service calls it."""
        self.messages.append(message)
        self.inbox.append(message)
        self.unread += 1
        self.account.pulse.notify()

    # Writing

    def says(
        self, text: str, *,
        quotes: Said | None = None, form: QuoteForm | None = None, part: str = "",
        repeat: Repeat | None = None,
    ) -> Written:  # fmt: skip
        """Write a text, as an answer to a message of either side where `quotes` names one.

        `form`: how the quote names it; `part`: the quoted part of its text; `repeat`: the text comes twice.
        """
        item: dict[str, Any] = {"text_item": {"text": text}}
        if quotes is not None:
            options = self._registry.options
            item["ref_msg"] = reference(
                quotes, form or options.quotes, part, as_text=options.ids_as_text
            )
        return self._write(1, text, item, repeat=repeat)

    def sends_image(
        self, data: bytes | Medium, *,
        spelling: KeySpelling | None = None, encrypted: bool = True, repeat: Repeat | None = None,
    ) -> Written:  # fmt: skip
        """Send a picture. `encrypted` off: it lies on the CDN as it is, and no key is told."""
        medium = medium_of(data, kind="pic")
        attachment = self._attach(medium, spelling, encrypted=encrypted)
        if attachment.stored.key is not None:
            attachment.aeskey = attachment.stored.key.hex()
        size = cipher_size(medium.size)
        attachment.detail = {"mid_size": size, "hd_size": size} | _THUMBNAIL
        return self._write(2, "[图片]", attachment=attachment, repeat=repeat)

    def sends_voice(
        self, data: bytes | Medium, seconds: float = 3, *,
        transcript: str = "", spelling: KeySpelling | None = None, repeat: Repeat | None = None,
    ) -> Written:  # fmt: skip
        """Send a voice message (SILK, but for MP3), with what the service understood of it."""
        medium = medium_of(data, kind="voice")
        attachment = self._attach(medium, spelling)
        attachment.detail = {
            "encode_type": 7 if medium.mime == "audio/mpeg" else 6, "bits_per_sample": 16, "sample_rate": 24_000,
            "playtime": int(seconds * 1000), **({"text": transcript} if transcript else {}),
        }  # fmt: skip
        return self._write(
            3, transcript or "[语音]", attachment=attachment, seconds=seconds, repeat=repeat
        )

    def sends_video(
        self, data: bytes | Medium, seconds: float = 5, *,
        spelling: KeySpelling | None = None, repeat: Repeat | None = None,
    ) -> Written:  # fmt: skip
        """Send a video."""
        medium = medium_of(data, kind="video")
        attachment = self._attach(medium, spelling)
        attachment.detail = {
            "video_size": cipher_size(medium.size), "play_length": int(seconds),
            "video_md5": medium.md5, **_THUMBNAIL,
        }  # fmt: skip
        return self._write(5, "[视频]", attachment=attachment, seconds=seconds, repeat=repeat)

    def sends_file(
        self, name: str, data: bytes | Medium, *,
        spelling: KeySpelling | None = None, wrong_key: bool = False, repeat: Repeat | None = None,
    ) -> Written:  # fmt: skip
        """Send a file. `wrong_key`: the key in the message is not that of the bytes, as in a file sent before."""
        medium = medium_of(data, name=name)
        attachment = self._attach(medium, spelling)
        if wrong_key:
            attachment.aes_key = spell_key(
                self._registry.secret(16), spelling or self._registry.next_spelling()
            )
        attachment.detail = {"file_name": name, "md5": medium.md5, "len": str(medium.size)}
        return self._write(4, name, attachment=attachment, file_name=name, repeat=repeat)

    def sends_item(self, item_type: int, **item: Any) -> Written:
        """Send an item of any type, as it is: one that no client knows yet."""
        return self._write(item_type, f"[{item_type}]", item)

    def sends_again(self, message: Written, repeat: Repeat = Repeat.SAME_ID) -> Arrival:
        """Let a message of this person come once more."""
        first = message.arrivals[0]
        seq, message_id = first.seq, first.message_id
        if repeat is Repeat.NEW_ID:
            seq, message_id = len(self.bot.updates) + 1, self._registry.next_id()
        return self._arrive(message, seq, None if repeat is Repeat.NO_ID else message_id)

    def window_closes(self) -> None:
        """Let the time pass in which the bot may send."""
        if window := self.bot.windows.get(self.user_id):
            window.opened = 0.0
        self.account.pulse.notify()

    def _attach(
        self, medium: Medium, spelling: KeySpelling | None, *, encrypted: bool = True
    ) -> Attachment:
        spelling = spelling or self._registry.next_spelling()
        key = self._registry.secret(16) if encrypted else None
        return Attachment(
            self._registry.store(medium, key), "" if key is None else spell_key(key, spelling)
        )

    def _write(
        self, item_type: int, text: str, item: Mapping[str, Any] | None = None, *,
        attachment: Attachment | None = None, file_name: str = "", seconds: float | None = None,
        repeat: Repeat | None = None,
    ) -> Written:  # fmt: skip
        bot, registry = self.bot, self._registry
        message = Written(
            registry.next_id(), self.user_id, item_type, text, dict(item or {}), registry.secret(16).hex(),
            attachment=attachment, file_name=file_name, seconds=seconds,
        )  # fmt: skip
        self.messages.append(message)
        self.unread = 0
        repeat = registry.options.repeat if repeat is None else repeat
        number = None if repeat is Repeat.NO_ID else message.number
        self._arrive(message, len(bot.updates) + 1, number)
        if repeat:
            self.sends_again(message, repeat)
        return message

    def _arrive(self, message: Written, seq: int, message_id: int | None) -> Arrival:
        bot = self.bot
        token = self._registry.context_token()
        arrival = Arrival(message, seq, message_id, token)
        message.arrivals.append(arrival)
        bot.window_of(self.user_id, token)
        bot.gets(arrival)
        return arrival


_THUMBNAIL = {"thumb_size": 3340, "thumb_width": 90, "thumb_height": 120}
