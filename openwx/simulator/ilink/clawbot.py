"""The chat "微信 ClawBot" on phones: what persons write to a bot, and what they see of it. `state` has it.

An account has one: `account.clawbot.says("hi")`, `await account.clawbot.hears_text()`. Other persons write to the same
bot by `account.clawbot.other("李雷")`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..notifier import PATIENCE_S
from .bot import Bot
from .chat import Chat, Host
from .model import BotMessage, Said
from .registry import Registry


class OtherChat(Chat):
    """The chat of a person other than the owner, with the owner's bot."""

    def __init__(self, owner: ClawBot, registry: Registry, account: Host, name: str) -> None:
        super().__init__(registry, account, name)
        self._owner = owner

    @property
    def bot(self) -> Bot:
        return self._owner.bot


class ClawBot(Chat):
    """The owner's chat with the bot of an account, and the other persons who write to it."""

    def __init__(self, registry: Registry, account: Host, name: str) -> None:
        super().__init__(registry, account, name)
        self.bots: list[Bot] = []
        """All that the owner ever made, oldest first."""
        self.others: dict[str, OtherChat] = {}
        """Persons other than the owner, by name."""

    @property
    def bot(self) -> Bot:
        """The present bot. Raises LookupError before the first login."""
        if not self.bots:
            raise LookupError(f"{self.name} has no bot: no iLink code was confirmed")
        return self.bots[-1]

    @property
    def is_bound(self) -> bool:
        """Whether there is a bot whose token is good."""
        return bool(self.bots) and not self.bot.is_stale

    @property
    def sent(self) -> list[BotMessage]:
        """All that the account's bots sent and the service accepted, oldest first."""
        return [message for bot in self.bots for message in bot.sent]

    def binds(self) -> Bot:
        """Make a bot, as a confirmed login does: the token of the former one is refused from now on."""
        if self.is_bound:
            self.bot.goes_stale()
        bot = self._registry.new_bot(self.user_id, self.account.pulse)
        self.bots.append(bot)
        self.account.pulse.notify()
        return bot

    def is_bound_by(self, tokens: Sequence[str]) -> bool:
        """Return whether the present bot has one of these tokens."""
        return self.is_bound and self.bot.token in tokens

    def other(self, name: str) -> Chat:
        """Return the chat of another person with the same bot; of a name that is new, a new person."""
        if not self._registry.options.admits_others:
            raise LookupError("nobody but the owner can reach a bot (option admits_others)")
        if name not in self.others:
            self.others[name] = OtherChat(self, self._registry, self.account, name)
        return self.others[name]

    def chat_of(self, user_id: str) -> Chat | None:
        """Return the chat of the person with this id."""
        chats: list[Chat] = [self, *self.others.values()]
        return next((chat for chat in chats if chat.user_id == user_id), None)

    def find(self, msg_id: str) -> Said | None:
        """Return a message of either direction in any of the chats."""
        for chat in (self, *self.others.values()):
            for message in chat.messages:
                if message.msg_id == msg_id:
                    return message
        return None

    async def comes_online(self, timeout_s: float = PATIENCE_S) -> Bot:
        """Wait until a client is logged in and has polled for messages."""

        def polling() -> Bot | None:
            return self.bot if self.is_bound and self.bot.polled else None

        bot = await self.account.pulse.until(polling, timeout_s)
        if bot is None:
            raise TimeoutError(f"no iLink client of {self.name} came online within {timeout_s} s")
        return bot
