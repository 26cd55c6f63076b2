"""The accounts that the API started or stopped, as they are saved for the next start of the process."""

import logging
from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec
from msgspec.structs import replace

from openwx import metrics
from openwx.config import Settings
from openwx.config.given import account_from_texts, on_the_bench
from openwx.config.models import AccountSettings
from openwx.errors import ConfigError
from openwx.store.base import Journal
from openwx.store.records import WriteBatch

log = logging.getLogger("openwx.gateway")

_OF_ALL = ""
"""The account of state that belongs to all."""
_KEY = "accounts"


class AccountRegistry(msgspec.Struct, frozen=True):
    """The accounts that the API started, with the parameters of those calls, the names of those it stopped, and the
    transports that were chosen for accounts of the configuration."""

    started: dict[str, dict[str, str]] = {}
    stopped: list[str] = []
    transports: dict[str, Literal["web", "ilink"]] = {}

    def with_started(self, name: str, texts: Mapping[str, str] | None) -> "AccountRegistry":
        """Add a start: the account is not stopped any more, and with ``texts`` it is started again after a restart."""
        started = self.started if texts is None else self.started | {name: dict(texts)}
        return replace(self, started=started, stopped=[one for one in self.stopped if one != name])

    def with_stopped(self, name: str) -> "AccountRegistry":
        """Add a stop."""
        return replace(self, stopped=[*(one for one in self.stopped if one != name), name])

    def with_transport(self, name: str, transport: Literal["web", "ilink"]) -> "AccountRegistry":
        """Add the choice of a transport for an account of the configuration."""
        return replace(self, transports=self.transports | {name: transport})

    def configured(self, accounts: Mapping[str, AccountSettings]) -> dict[str, AccountSettings]:
        """Return the accounts of the configuration with their chosen transports, where it names none itself."""
        return {
            name: settings.model_copy(update={"transport": self.transports[name]})
            if name in self.transports and not names_transport(settings)
            else settings
            for name, settings in accounts.items()
        }

    def accounts(
        self, configured: Mapping[str, AccountSettings]
    ) -> Iterator[tuple[str, AccountSettings]]:
        """List the accounts that the API started, without those that the configuration now excludes."""
        taken = {name.lower(): name for name in configured}
        for name, texts in self.started.items():
            if other := taken.get(name.lower()):
                log.warning(
                    "%s: the configuration has %s, which wins over the account that start_client started",
                    name,
                    other,
                )
                continue
            try:
                settings = on_the_bench(account_from_texts(texts)[0], configured)
            except ConfigError as error:
                log.warning("%s: not started: its settings are not valid any more: %s", name, error)
                continue
            yield name, settings


def names_transport(settings: AccountSettings) -> bool:
    """Whether the transport was written for this account, and is no default."""
    return "transport" in settings.model_fields_set


async def load(journal: Journal) -> AccountRegistry:
    """Load the saved registry. Raises ``JournalError``."""
    saved = (await journal.state(_OF_ALL)).get(_KEY)
    if saved is None:
        return AccountRegistry()
    try:
        return msgspec.json.decode(saved, type=AccountRegistry)
    except msgspec.DecodeError:
        words = "the list of accounts that the API started cannot be read; it is dropped"
        metrics.dropped(log, "saved_state", words)
        return AccountRegistry()


async def save(journal: Journal, registry: AccountRegistry) -> None:
    """Save a registry. Raises ``JournalError``."""
    state: dict[str, bytes | None] = {_KEY: msgspec.json.encode(registry)}
    await journal.write(WriteBatch(account=_OF_ALL, state=state))


async def all_accounts(settings: Settings, journal: Journal) -> dict[str, AccountSettings]:
    """List the accounts of the configuration and those that the API started. Raises ``JournalError``."""
    registry = await load(journal)
    return registry.configured(settings.accounts) | dict(registry.accounts(settings.accounts))
