"""What a caller of ``start_client`` asks for, checked, and what comes of it."""

import logging
from collections.abc import Iterable, Mapping

import msgspec

from openwx.config import ReportSettings
from openwx.config.given import account_from_texts, check_account_name, on_the_bench, with_our_names
from openwx.config.models import AccountSettings
from openwx.config.values import BadValueError
from openwx.errors import CallerError, Code, ConfigError

log = logging.getLogger("openwx.gateway")


class Started(msgspec.Struct, frozen=True):
    """A start. ``is_new``: it was not wanted before, or had stopped. ``node`` is empty while no node has it."""

    is_new: bool
    state: str
    node: str


class StartCall(msgspec.Struct, frozen=True):
    """The name of an account, and the settings that were given for it."""

    name: str
    settings: AccountSettings
    parameters: dict[str, str]
    """Those texts that are settings."""
    strange: list[str]
    """The names of parameters that mean nothing."""

    def require_no_other_case(self, names: Iterable[str]) -> None:
        """Raise ``CallerError`` (-2) if another of these accounts has the name in another case."""
        other = next((one for one in names if one.lower() == self.name.lower()), self.name)
        if other != self.name:
            words = f"client must differ from {other} in more than case"
            raise CallerError(Code.BAD_PARAMETER, words)

    def fresh_settings(
        self, configured: Mapping[str, AccountSettings], *, is_known: bool
    ) -> AccountSettings | None:
        """Return the settings to run it with, and log what is ignored; None: those that it has already.

        Raise ``CallerError`` (-2).
        """
        if self.strange:
            shown = ", ".join(ascii(one[:40]) for one in self.strange[:20])
            log.warning("%s: start_client's parameters mean nothing here: %s", self.name, shown)
        if self.name in configured:
            if self.parameters:
                words = "%s: start_client's settings are ignored: the configuration wins"
                log.warning(words, self.name)
            return None
        if is_known and not self.parameters:
            return None
        try:
            return on_the_bench(self.settings, configured)
        except ConfigError as error:
            raise CallerError(Code.BAD_PARAMETER, str(error)) from None


def read(name: str, texts: Mapping[str, str], report: ReportSettings) -> StartCall:
    """Check the parameters of a call. Raise ``CallerError`` (-2)."""
    try:
        check_account_name(name)
        settings, strange = account_from_texts(texts)
        settings.report_over(report).require_recorded_events()
    except (ConfigError, BadValueError) as error:
        raise CallerError(Code.BAD_PARAMETER, str(error)) from None
    given = {
        key: text for key, text in with_our_names(texts).items() if key in settings.model_fields_set
    }
    return StartCall(name, settings, given, strange)
