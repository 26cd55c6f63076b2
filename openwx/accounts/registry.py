"""The accounts that the API started or stopped, as they are saved for the next start of the process."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec
from msgspec.structs import replace

from openwx import metrics
from openwx.config import Settings
from openwx.config.given import account_from_texts, on_the_bench
from openwx.config.models import AccountSettings
from openwx.errors import ConfigError
from openwx.store.base import AccountStore
from openwx.store.records import AccountRecord

log = logging.getLogger("openwx.gateway")

_Kind = Literal["web", "ilink"]


class _Settings(msgspec.Struct, frozen=True, omit_defaults=True):
    """The ``settings`` of an account's row."""

    started_with: dict[str, str] | None = None
    """The parameters of the ``start_client`` that made it; None for one of the configuration."""
    transport: _Kind | None = None
    """The transport that was chosen for an account of the configuration."""


class AccountRegistry(msgspec.Struct, frozen=True):
    """The accounts that the API started, with the parameters of those calls, the names of those it stopped, and the
    transports that were chosen for accounts of the configuration."""

    started: dict[str, dict[str, str]] = {}
    stopped: list[str] = []
    transports: dict[str, _Kind] = {}

    def with_started(self, name: str, texts: Mapping[str, str] | None) -> "AccountRegistry":
        """Add a start: the account is not stopped any more, and with ``texts`` it is started again after a restart."""
        started = self.started if texts is None else self.started | {name: dict(texts)}
        return replace(self, started=started, stopped=[one for one in self.stopped if one != name])

    def with_stopped(self, name: str) -> "AccountRegistry":
        """Add a stop."""
        return replace(self, stopped=[*(one for one in self.stopped if one != name), name])

    def with_transport(self, name: str, transport: _Kind) -> "AccountRegistry":
        """Add the choice of a transport for an account of the configuration."""
        return replace(self, transports=self.transports | {name: transport})

    def record_of(self, name: str) -> AccountRecord:
        """Return the row of an account, also of one that nothing was called for."""
        started_with = self.started.get(name)
        return AccountRecord(
            account=name,
            wanted=name not in self.stopped,
            settings=msgspec.json.encode(_Settings(started_with, self.transports.get(name))),
            origin="config" if started_with is None else "api",
        )

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


async def load(store: AccountStore) -> AccountRegistry:
    """Load the saved registry. Raises ``JournalError``."""
    started: dict[str, dict[str, str]] = {}
    stopped: list[str] = []
    transports: dict[str, _Kind] = {}
    for record in await store.accounts():
        name = record.account
        if not record.wanted:
            stopped.append(name)
        settings = _settings_of(record)
        if settings.started_with is not None:
            started[name] = settings.started_with
        if settings.transport is not None:
            transports[name] = settings.transport
    return AccountRegistry(started, stopped, transports)


def _settings_of(record: AccountRecord) -> _Settings:
    if not record.settings:
        return _Settings()
    try:
        return msgspec.json.decode(record.settings, type=_Settings)
    except (msgspec.DecodeError, UnicodeDecodeError):
        words = "%s: what the API chose for this account cannot be read; it is dropped"
        metrics.dropped(log, "saved_state", words, record.account)
        return _Settings()


async def save(store: AccountStore, registry: AccountRegistry, name: str) -> None:
    """Save one account of a registry. Raises ``JournalError``, ``InDoubt``, ``LeaseLost``."""
    await store.save_account(registry.record_of(name))


async def save_missing(
    store: AccountStore, registry: AccountRegistry, names: Iterable[str]
) -> list[str]:
    """Save those of these accounts that have no row, and return the accounts that have one now.

    Raises ``JournalError``, ``InDoubt``, ``LeaseLost``.
    """
    known = [record.account for record in await store.accounts()]
    for name in names:
        if name not in known:
            await save(store, registry, name)
            known.append(name)
    return known


async def all_accounts(settings: Settings, store: AccountStore) -> dict[str, AccountSettings]:
    """List the accounts of the configuration and those that the API started. Raises ``JournalError``."""
    registry = await load(store)
    return registry.configured(settings.accounts) | dict(registry.accounts(settings.accounts))
