"""The accounts that the API started or stopped, as they are saved for the next start of the process.
``AccountManager`` and nodes write them.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

import msgspec
from msgspec.structs import replace

from openwx.config import Settings
from openwx.config.given import account_from_texts, on_the_bench
from openwx.config.models import AccountSettings
from openwx.errors import ConfigError
from openwx.store.base import AccountStore, Ownership
from openwx.store.decoding import decode_row
from openwx.store.records import AccountRecord, OwnedAccount

log = logging.getLogger("openwx.gateway")

TransportKind = Literal["web", "ilink"]


class SavedSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """The ``settings`` of an account's row."""

    started_with: dict[str, str] | None = None
    """The parameters of the ``start_client`` that made it; None for one of the configuration."""
    transport: TransportKind | None = None
    """The transport that was chosen for an account of the configuration."""
    digest: str = ""
    """What the configuration says of it where it ran last; empty where nodes do not share the store."""
    start: str = ""
    """Names the last ``start_client``, where nodes share the store: one that has stopped by itself is started anew."""
    has_untold_stop: bool = False
    """Whether a ``stop_client`` stopped it whose ``stop`` event no node has recorded, where nodes share the store."""


class SavedAccount(msgspec.Struct, frozen=True):
    """What is saved of one account."""

    wanted: bool = True
    settings: SavedSettings = SavedSettings()


class AccountRegistry(msgspec.Struct, frozen=True):
    """The accounts that are saved, by name."""

    saved: dict[str, SavedAccount] = {}

    @property
    def started(self) -> dict[str, dict[str, str]]:
        """The accounts that the API started, with the parameters of those calls."""
        return {
            name: one.settings.started_with
            for name, one in self.saved.items()
            if one.settings.started_with is not None
        }

    @property
    def stopped(self) -> list[str]:
        """The accounts that the API stopped."""
        return [name for name, one in self.saved.items() if not one.wanted]

    @property
    def transports(self) -> dict[str, TransportKind]:
        """The transports that were chosen for accounts of the configuration."""
        return {
            name: one.settings.transport
            for name, one in self.saved.items()
            if one.settings.transport is not None
        }

    def of(self, name: str) -> SavedAccount:
        """Return what is saved of an account, also of one that nothing was called for."""
        return self.saved.get(name, SavedAccount())

    def with_started(
        self, name: str, texts: Mapping[str, str] | None, start: str = ""
    ) -> "AccountRegistry":
        """Add a start: the account is not stopped any more, and with ``texts`` it is started again after a restart."""
        former = self.of(name).settings.started_with
        started_with = former if texts is None else dict(texts)
        return self._with(
            name, wanted=True, started_with=started_with, start=start, has_untold_stop=False
        )

    def with_stopped(self, name: str) -> "AccountRegistry":
        """Add a stop."""
        return self._with(name, wanted=False)

    def with_untold_stop(self, name: str) -> "AccountRegistry":
        """Add a stop that the node which carries it out has to tell, unless the account is stopped already."""
        return (
            self._with(name, wanted=False, has_untold_stop=True) if self.of(name).wanted else self
        )

    def with_told_stop(self, name: str) -> "AccountRegistry":
        """Note that the last stop was told."""
        return self._with(name, wanted=self.of(name).wanted, has_untold_stop=False)

    def with_transport(self, name: str, transport: TransportKind) -> "AccountRegistry":
        """Add the choice of a transport for an account of the configuration."""
        return self._with(name, wanted=self.of(name).wanted, transport=transport)

    def with_digest(self, name: str, digest: str) -> "AccountRegistry":
        """Add what the configuration of this node says of an account."""
        return self._with(name, wanted=self.of(name).wanted, digest=digest)

    def _with(self, name: str, *, wanted: bool, **changes: object) -> "AccountRegistry":
        settings = replace(self.of(name).settings, **changes)
        return AccountRegistry(self.saved | {name: SavedAccount(wanted, settings)})

    def record_of(self, name: str) -> AccountRecord:
        """Return the row of an account, also of one that nothing was called for."""
        saved = self.of(name)
        return AccountRecord(
            account=name,
            wanted=saved.wanted,
            settings=msgspec.json.encode(saved.settings),
            origin="config" if saved.settings.started_with is None else "api",
        )

    def configured(self, accounts: Mapping[str, AccountSettings]) -> dict[str, AccountSettings]:
        """Return the accounts of the configuration with their chosen transports, where it names none itself."""
        transports = self.transports
        return {
            name: settings.model_copy(update={"transport": transports[name]})
            if name in transports and not names_transport(settings)
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
    return of_records(await store.accounts())


def of_records(records: Iterable[AccountRecord | OwnedAccount]) -> AccountRegistry:
    """Return the registry that these rows are."""
    return AccountRegistry({one.account: saved_of(one) for one in records})


def saved_of(record: AccountRecord | OwnedAccount) -> SavedAccount:
    """Read a row."""
    if not record.settings:
        return SavedAccount(record.wanted)
    what = f"{record.account}: what the API chose"
    settings = decode_row(record.settings, SavedSettings, what) or SavedSettings()
    return SavedAccount(record.wanted, settings)


async def save(store: AccountStore, registry: AccountRegistry, name: str) -> None:
    """Save one account of a registry. Raises ``JournalError``, ``InDoubt``, ``LeaseLost``."""
    await store.save_account(registry.record_of(name))


async def change(
    store: AccountStore,
    rows: Ownership,
    name: str,
    made: Callable[[AccountRegistry], AccountRegistry],
) -> AccountRegistry:
    """Change one account where other processes do so at the same time: ``made`` of what is saved by then.

    Returns what was saved before. Raises what ``made`` raises, ``JournalError``, ``InDoubt``, ``LeaseLost``.
    """
    while True:
        records = {one.account: one for one in await store.accounts()}
        saved = of_records(records.values())
        changed = made(saved)
        if name in records and changed == saved:
            return saved
        if await rows.replace_account(records.get(name), changed.record_of(name)):
            return saved


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
