"""Settings of one account from texts, which a caller of the API gives, and what names accounts may have.
``start_call`` reads a call with it, ``registry`` what was saved of one, and ``directory`` asks for names.
"""

from collections.abc import Mapping
from typing import get_origin

from pydantic import TypeAdapter, ValidationError

from openwx.config.environment import convert
from openwx.config.models import AccountSettings
from openwx.config.targets import TargetSettings
from openwx.config.values import AccountName, truth
from openwx.errors import ConfigError

_NAME = TypeAdapter(AccountName)
_ORIGINALS = "plugin_openwx_"
"""The prefix that the original's start_client put before settings of its Openwx plugin."""


def account_from_texts(texts: Mapping[str, str]) -> tuple[AccountSettings, list[str]]:
    """Read the settings, and list the names that are unknown. Lists are JSON or joined by commas.

    Raises ``ConfigError``, which names the key and says what it must be.
    """
    known = {
        name: text
        for name, text in with_our_names(texts).items()
        if name in AccountSettings.model_fields
    }
    values = {name: _value(name, text) for name, text in known.items()}
    try:
        settings = AccountSettings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = _dotted(first["loc"])
        words = (
            first.get("ctx", {}).get("error") or f"must be {_SHAPES.get(first['type'], 'other')}"
        )
        if first["loc"][-1:] == ("ca",):  # do not reveal which files exist
            words = "must be the path of a PEM file with certificates"
        raise ConfigError(f"{name} {words}".lstrip()) from None
    unknown = [name for name in texts if name.removeprefix(_ORIGINALS) not in known]
    return settings, sorted(unknown)


def with_our_names(texts: Mapping[str, str]) -> dict[str, str]:
    """Replace the original's names by ours; if both are given, ours counts."""
    return {name.removeprefix(_ORIGINALS): text for name, text in texts.items()} | {
        name: text for name, text in texts.items() if not name.startswith(_ORIGINALS)
    }


_SHAPES = {
    "list_type": "a list, in JSON or joined by commas",
    "dict_type": "a table in JSON",
    "model_type": "a table in JSON",
    "missing": "there: the address of the backend",
    "extra_forbidden": f"one of {', '.join(TargetSettings.model_fields)}",
}


def _dotted(location: tuple[int | str, ...]) -> str:
    """Spell the place of a value: ``targets[0].url``."""
    text = ""
    for step in location:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            shown = step if step.isidentifier() and step.isascii() else ascii(step[:40])
            text += f".{shown}" if text else shown
    return text


def on_the_bench(
    settings: AccountSettings, configured: Mapping[str, AccountSettings]
) -> AccountSettings:
    """Add the ``base_url`` of the configured accounts if all of them have one and this has none.

    So no account of a test bench or the demo connects to the real WeChat because its caller left it out. Raises
    ``ConfigError`` if they have different ones.
    """
    benches = {one.base_url for one in configured.values()}
    if settings.base_url is not None or not benches or None in benches:
        return settings
    if len(benches) > 1:
        shown = ", ".join(sorted(str(one) for one in benches))
        raise ConfigError(
            f"base_url is missing, and the configured accounts have different ones: {shown}"
        )
    return settings.model_copy(update={"base_url": benches.pop()})


def check_account_name(name: str) -> None:
    """Raise ``ConfigError`` if this is not a possible name of an account."""
    try:
        _NAME.validate_python(name)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConfigError(f"client {first['ctx']['error']}") from None


def is_account_name(name: str) -> bool:
    """Return whether an account may have this name."""
    try:
        check_account_name(name)
    except ConfigError:
        return False
    return True


def _value(name: str, text: str) -> object:
    value = convert(text, ("accounts", "", name))
    kind = AccountSettings.model_fields[name].annotation
    if kind is bool and isinstance(value, str) and (flag := truth(value)) is not None:
        return flag
    is_list = get_origin(kind) is list
    if is_list and isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    return value
