"""The service as a whole, without HTTP: accounts, sessions, login codes, faults, calls."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, replace
from typing import Any

from .account import Account
from .call import Call
from .faults import Faults
from .phone import LoginCodes
from .population import Size
from .pulse import PATIENCE_S, Pulse
from .session import Session


@dataclass(slots=True)
class Settings:
    """How the service behaves; may be changed while it runs."""

    hold_s: float = 25.0
    """How long `login` and `synccheck` are held."""
    uuid_expiry_s: float = 300.0
    contact_page_size: int = 1000
    sync_batch_size: int = 50
    recent_chats: int = 200
    """How many chats MsgType 51 lists besides filehelper: groups first, then friends."""
    init_chats: int = 8
    """How many recent chats webwxinit answers with a record."""
    keeps_unread: bool = True
    """A new login gets what no earlier one acknowledged; else its SyncKey begins at now."""
    empty_keys: bool = False
    """Answers without news carry a SyncKey and SyncCheckKey of Count 0, which mean nothing."""
    revoke_within_s: float = 120.0
    media_known_s: float = 3 * 24 * 3600.0
    """How long a MediaId can be sent after its upload, over new logins too (assumed)."""
    names_files: bool = True
    """Whether the answer that brings a file names it (Content-Disposition)."""
    keep_media: bool = True
    """Whether what is uploaded is kept; else its size and MD5 alone are."""
    invite_start_count: int = 40
    """From so many members on others can only be invited (`InviteStartCount`)."""
    auto_scan: bool = False
    """Phones scan and confirm by themselves, that of the first account first."""
    scan_delay_s: float = 1.0
    person_s: float = 30.0
    """While a phone page is open, so long a person there may scan or confirm first."""


class World:
    """Everything the service knows."""

    def __init__(self, seed: int, size: Size, settings: Settings) -> None:
        self.pulse = Pulse()
        """Beats with all other pulses: whatever happens, happens here too."""
        self.control_pulse = Pulse(self.pulse)
        """Beats when somebody changes something by the control API."""
        self.watchers = 0
        """How many phone pages are open: where somebody looks, nothing is done for them at once."""
        self.seed = seed
        self.size = size
        self.settings = settings
        self.random = random.Random(f"{seed}:world")
        self.faults = Faults(seed)
        self.codes = LoginCodes(self)
        self.calls: deque[Call] = deque(maxlen=100_000)
        """The calls that came, oldest first, also those that a fault struck."""
        self.calls_pulse = Pulse(self.pulse)
        self.sessions: dict[str, Session] = {}
        """By wxsid, also those that ended."""
        self.accounts: list[Account] = []
        self.closing = False
        self.add_account("default")

    def add_account(self, name: str = "", **size: Any) -> Account:
        """One more account, with sizes of its own where given (`friends=5`, `groups=0`)."""
        number = len(self.accounts)
        account = Account(self, number, name or f"account{number + 1}", replace(self.size, **size))
        self.accounts.append(account)
        self.pulse.beat()
        return account

    def account(self, which: str | int = 0) -> Account:
        """The account with this number or name; the first unless told."""
        if isinstance(which, int):
            return self.accounts[which]
        found = [a for a in self.accounts if which in (a.name, str(a.number), str(a.uin))]
        if not found:
            raise LookupError(f"there is no account {which!r}")
        return found[0]

    def account_of_uin(self, uin: str) -> Account | None:
        number = int(uin) - self.accounts[0].uin if uin.isdigit() else -1
        return self.accounts[number] if 0 <= number < len(self.accounts) else None

    def calls_of(self, name: str) -> list[Call]:
        """The recorded calls with this name."""
        return [call for call in self.calls if call.name == name]

    async def gets_call(self, name: str, n: int = 1, timeout_s: float = PATIENCE_S) -> list[Call]:
        """Wait until `n` calls with this name have come in all."""
        found = await self.calls_pulse.until(
            lambda: calls if len(calls := self.calls_of(name)) >= n else None, timeout_s
        )
        if found is None:
            came = len(self.calls_of(name))
            raise TimeoutError(f"{came} of {n} calls of {name} came within {timeout_s} s")
        return found

    def release_all(self) -> None:
        """Let everything that is held answer at once: the service closes."""
        self.closing = True
        self.faults.clear()
        self.codes.pulse.beat()
        self.calls_pulse.beat()
        for account in self.accounts:
            account.pulse.beat()
