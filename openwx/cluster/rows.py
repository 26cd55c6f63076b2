"""What this node makes of the rows of accounts: with which settings it runs each, and whether it may.
``node``, ``term`` and ``starting`` ask it.

Accounts that the API started carry their settings in their rows. Those of the configuration must stand in the
configuration of each node that may run them; their rows have a digest of what it says, so that nodes whose
configurations differ do not take them from each other unnoticed.
"""

import hashlib
import logging
from collections.abc import Mapping

import msgspec

from openwx.accounts import registry
from openwx.accounts.registry import AccountRegistry, SavedAccount
from openwx.cluster.placement import Fit
from openwx.config import Settings
from openwx.config.models import AccountSettings
from openwx.store.records import ClusterView, OwnedAccount

log = logging.getLogger("openwx.cluster")


class _Known(msgspec.Struct):
    """What was made of a row."""

    content: bytes
    """Its settings, as they were read."""
    settings: AccountSettings | None
    """Those with which this node runs it; None where it does not."""


class Rows:
    """The rows as they were seen last, beside the configuration of this node."""

    def __init__(self, settings: Settings) -> None:
        self._configured = settings.accounts
        self._digests = {
            name: digest_of(account, settings) for name, account in settings.accounts.items()
        }
        self._known: dict[str, _Known] = {}
        self._warned: set[tuple[str, str]] = set()
        self.saved = AccountRegistry()
        self.by_name: Mapping[str, OwnedAccount] = {}

    def note(self, view: ClusterView) -> None:
        """Read the rows of a view."""
        former, self.by_name = self.by_name, {one.account: one for one in view.accounts}
        self.saved = AccountRegistry(
            {name: self._saved(row, former.get(name)) for name, row in self.by_name.items()}
        )
        self._known = {name: self._read(row) for name, row in self.by_name.items()}

    @property
    def missing(self) -> list[str]:
        """The accounts of the configuration that have no row."""
        return [name for name in self._configured if name not in self.by_name]

    @property
    def untold_stops(self) -> set[str]:
        """The accounts that this node may run which are stopped, and nobody has told."""
        return {
            name
            for name, one in self.saved.saved.items()
            if not one.wanted and one.settings.has_untold_stop and self.settings_of(name)
        }

    def fits(self) -> dict[str, Fit]:
        """Return the accounts that this node may run, and how well."""
        return {
            name: Fit.READY if self.has_same_settings(name) else Fit.LATE
            for name, known in self._known.items()
            if known.settings is not None
        }

    def settings_of(self, name: str) -> AccountSettings | None:
        """Return the settings with which this node runs an account; None where it may not."""
        known = self._known.get(name)
        return None if known is None else known.settings

    def has_same_settings(self, name: str) -> bool:
        """Whether the configuration here says of an account what that of its last node says; log once if not."""
        digest = self.saved.of(name).settings.digest
        if digest in ("", self.digest_of(name)):
            return True
        if (name, digest) not in self._warned:
            self._warned.add((name, digest))
            words = (
                "%s: its settings differ from those of the node that ran it last: this one takes it only when nobody"
                " else does; give all nodes the same configuration"
            )
            log.warning(words, name)
        return False

    def digest_of(self, name: str) -> str:
        """Return the digest of what the configuration here says of an account; empty where it says nothing."""
        return self._digests.get(name, "")

    def _saved(self, row: OwnedAccount, former: OwnedAccount | None) -> SavedAccount:
        """Read a row; once, so that what cannot be read is said once."""
        if former is None or (former.settings, former.wanted) != (row.settings, row.wanted):
            return registry.saved_of(row)
        return self.saved.of(row.account)

    def _read(self, row: OwnedAccount) -> _Known:
        former = self._known.get(row.account)
        if former is not None and former.content == row.settings:
            return former
        return _Known(row.settings, self._settings_in(row.account))

    def _settings_in(self, name: str) -> AccountSettings | None:
        own = AccountRegistry({name: self.saved.of(name)})
        if name in self._configured:
            return own.configured({name: self._configured[name]})[name]
        return dict(own.accounts(self._configured)).get(name)


def digest_of(account: AccountSettings, settings: Settings) -> str:
    """Return a digest of all that the configuration says of one account."""
    said = {
        "account": account.model_dump(mode="json", exclude=set(type(settings.report).model_fields)),
        "names_transport": registry.names_transport(account),
        "report": account.report_over(settings.report).model_dump(mode="json"),
    }
    return hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest()
