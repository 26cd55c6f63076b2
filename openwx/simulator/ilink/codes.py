"""Login codes of bots: what a phone does with one, and what its client gets to know. `phone` scans them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..phone import LoginCode
from ..scenario import Host
from .bot import Bot
from .registry import Registry

LINK = "https://liteapp.weixin.qq.com/q/"
"""`qrcode_img_content` begins so: the text to draw."""


@dataclass(slots=True, eq=False, kw_only=True)
class BotCode(LoginCode):
    """A code of `get_bot_qrcode`. Its `uuid` is the `qrcode` of the protocol.

    Its states are those of any login code, and `blocked` (too many wrong digits) and `bound` (the person's bot is
    already bound to a token that the client has).
    """

    registry: Registry = field(repr=False)
    link: str
    """The text to draw."""
    local_tokens: list[str] = field(default_factory=list)
    """`local_token_list`."""
    client_version: int = 0
    bot: Bot | None = None
    """Made by the confirmation."""
    wrong: int = 0
    """The number of wrong digits so far."""
    last_status: str = ""
    """The status that the latest poll was answered with."""
    token_given: bool = False

    kind = "ilink"

    def scanned_by(self, account: Host) -> None:
        """Note who scanned it; a person whose bot the client has needs to do no more."""
        self.account = account
        options = self.registry.options
        if account.clawbot.is_bound_by(self.local_tokens):
            self.state = "bound"
            return
        self.state = "scanned"
        if options.verify_code:
            self.digits = self.registry.digits(6)

    @property
    def drawn(self) -> str:
        return self.link

    @property
    def is_client_too_old(self) -> bool:
        """Whether the phone says that the client has to be updated."""
        return self.client_version < version_number(self.registry.options.oldest_client)

    @property
    def offers_confirm(self) -> bool:
        return not self.digits and not self.is_client_too_old

    def confirm(self) -> None:
        """Make the bot. Raises LookupError while the digits are wanted, and for a client that is too old."""
        if self.digits:
            raise LookupError(f"the digits {self.digits} have to be entered in the client first")
        if self.is_client_too_old:
            raise LookupError("the phone says that the client has to be updated first")
        assert self.account is not None
        self.state = "confirmed"
        self.bot = self.account.clawbot.binds()

    def check(self, digits: str) -> None:
        """Take the digits that the client hands in."""
        if self.state != "scanned" or not self.digits:
            return
        if digits == self.digits:
            self.digits = ""
            return
        self.wrong += 1
        if self.wrong >= self.registry.options.verify_tries:
            self.state = "blocked"

    def status(self, host: str) -> str:
        """Return the `status` for a client that asks at this host."""
        if self.state == "scanned":
            redirect = self.registry.options.redirect_host
            if redirect and redirect != host:
                return "scaned_but_redirect"
            return "need_verifycode" if self.digits else "scaned"
        return _STATUS[self.state]


_STATUS = {
    "pending": "wait", "confirmed": "confirmed", "expired": "expired", "refused": "expired",
    "blocked": "verify_code_blocked", "bound": "binded_redirect",
}  # fmt: skip


def version_number(version: str) -> int:
    """Return `iLink-App-ClientVersion` for a version such as `2.4.9`; 0 for none."""
    major, minor, patch = [*map(int, re.findall(r"\d+", version)), 0, 0, 0][:3]
    return major << 16 | minor << 8 | patch
