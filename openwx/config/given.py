"""Settings of one account from texts, as a caller of the API gives them."""

from collections.abc import Mapping
from typing import get_origin

from pydantic import TypeAdapter, ValidationError

from openwx.config.environment import convert
from openwx.config.models import AccountSettings
from openwx.config.values import AccountName
from openwx.errors import ConfigError

_NAME = TypeAdapter(AccountName)
_ORIGINALS = "plugin_openwx_"
"""The original's start_client took what its Openwx plugin was to be told with this before the name."""


def account_from_texts(texts: Mapping[str, str]) -> tuple[AccountSettings, list[str]]:
    """The settings, and which names are none. Lists are JSON or joined by commas.

    Raises ``ConfigError`` that names the key and says what it must be.
    """
    known = {
        name: text for name, text in plain(texts).items() if name in AccountSettings.model_fields
    }
    values = {name: _value(name, text) for name, text in known.items()}
    try:
        settings = AccountSettings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        words = (
            first.get("ctx", {}).get("error") or f"must be {_SHAPES.get(first['type'], 'other')}"
        )
        if name == "ca":  # a caller is not to learn which files there are
            words = "must be the path of a PEM file with certificates"
        raise ConfigError(f"{name} {words}") from None
    strange = [name for name in texts if name.removeprefix(_ORIGINALS) not in known]
    return settings, sorted(strange)


def plain(texts: Mapping[str, str]) -> dict[str, str]:
    """With our names instead of the original's; where both are given, ours counts."""
    return {name.removeprefix(_ORIGINALS): text for name, text in texts.items()} | {
        name: text for name, text in texts.items() if not name.startswith(_ORIGINALS)
    }


_SHAPES = {"list_type": "a list, in JSON or joined by commas", "dict_type": "a table in JSON"}


def check_account_name(name: str) -> None:
    """Raises ``ConfigError`` where no account can be called so."""
    try:
        _NAME.validate_python(name)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConfigError(f"client {first['ctx']['error']}") from None


def _value(name: str, text: str) -> object:
    value = convert(text, ("accounts", "", name))
    is_list = get_origin(AccountSettings.model_fields[name].annotation) is list
    if is_list and isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    return value
