"""Settings from environment variables: OPENWX_NAME, OPENWX_SECTION__NAME; lists and tables as JSON.
``load`` reads them.

``OPENWX_ACCOUNTS__WORK__SEND_TRIES`` sets a key of one account, ``OPENWX_LISTEN__PORT`` one of the first address to
listen on. A variable can also set a whole section (``OPENWX_LISTEN``, ``OPENWX_ACCOUNTS``): it replaces that of the
file, and variables of single keys override it.
"""

import difflib
import json
from collections.abc import Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from openwx.config.cluster import ClusterSettings, StoreSettings
from openwx.config.listen import Listen
from openwx.config.models import (
    AccessSettings,
    AccountSettings,
    JournalLimits,
    McpSettings,
    Media,
    Settings,
)
from openwx.config.report import ReportSettings
from openwx.config.values import hint
from openwx.errors import ConfigError

Location = tuple[str | int, ...]
TABLES: dict[str, type[BaseModel]] = {
    "listen": Listen,
    "access": AccessSettings,
    "store": StoreSettings,
    "cluster": ClusterSettings,
    "media": Media,
    "report": ReportSettings,
    "journal": JournalLimits,
    "mcp": McpSettings,
    "accounts": AccountSettings,
}
_PREFIX = "OPENWX_"
_BOOLEANS = dict.fromkeys(("true", "1", "yes", "on"), True) | dict.fromkeys(
    ("false", "0", "no", "off"), False
)


def apply_environment(
    raw: dict[str, Any], environ: Mapping[str, str], origins: dict[Location, str]
) -> tuple[list[str], list[str]]:
    """Write the variables into ``raw``, and their names into ``origins``. Return their names, and warnings."""
    applied, warnings = [], []
    names = [name for name in environ if name.startswith(_PREFIX)]
    for name in sorted(names, key=lambda name: (name.count("__"), name)):
        if "__" not in name and name.removeprefix(_PREFIX).lower() not in Settings.model_fields:
            warnings.append(
                f"environment variable {name} is not a setting and is ignored{_near_variable(name)}"
            )
            continue
        _require_utf8(name, environ[name])
        origin = f"environment variable {name}"
        location = _location(name, origin, raw)
        put(raw, location, convert(environ[name], location), origin, origins)
        applied.append(name)
    return applied, warnings


def _near_variable(name: str) -> str:
    """Suggest OPENWX_ACCESS__TOKEN for OPENWX_ACCESS_TOKEN and for OPENWX_TOKEN."""
    word = name.removeprefix(_PREFIX).upper()[:100]
    known = [key.upper() for key in Settings.model_fields]
    for section, model in TABLES.items():
        middle = "accounts__default" if section == "accounts" else section
        known += [f"{middle}__{key}".upper() for key in model.model_fields]
    near = [key for key in known if key.endswith(f"__{word}")]
    near = near or difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {_PREFIX}{near[0]}?" if near else ""


def put(
    raw: dict[str, Any],
    location: Location,
    value: Any,
    origin: str,
    origins: dict[Location, str],
) -> None:
    """Set the value at ``location``, creating the tables on the way; record ``origin`` for all that is new.

    If something of a wrong type is in the way, set nothing: validation reports it.
    """
    place: Any = raw
    for depth, step in enumerate(location[:-1]):
        if isinstance(place, dict):
            if step not in place:
                origins[location[: depth + 1]] = origin
                place[step] = [{}] if isinstance(location[depth + 1], int) else {}
            place = place[step]
        elif isinstance(place, list) and isinstance(step, int) and step < len(place):
            place = place[step]
        else:
            return
    if isinstance(place, dict):
        place[location[-1]] = value
        origins[location] = origin


def convert(text: str, location: Location) -> Any:
    """Convert ``text`` to the type of the setting at ``location``.

    Return it unchanged if that fails: validation reports it.
    """
    field = _field(location)
    wanted = dict if field is None else _plain_type(field)
    try:
        if wanted is bool:
            return _BOOLEANS.get(text.strip().lower(), text)
        if wanted is int or wanted is float:
            return wanted(text)
        if wanted in (list, dict):
            value = json.loads(text)
            json.dumps(value, ensure_ascii=False).encode()  # no lone surrogates
            return value
    except (ValueError, RecursionError):
        pass
    return text


def _require_utf8(name: str, value: str) -> None:
    """Raise ``ConfigError`` for bytes that are not UTF-8, which Python shows as lone surrogates."""
    try:
        (name + value).encode()
    except UnicodeEncodeError:
        raise ConfigError(f"environment variable {name}: must be UTF-8 text") from None


def _location(name: str, origin: str, raw: dict[str, Any]) -> Location:
    """Find the place in the configuration that the variable ``name`` sets."""
    section, separator, rest = name.removeprefix(_PREFIX).lower().partition("__")
    if not separator:
        return (section,)
    if section not in TABLES or not rest:
        raise ConfigError(
            f"{origin}: there is no section {section!r}{hint(section, TABLES)}; write "
            f"OPENWX_SECTION__NAME with one of {', '.join(TABLES)}, or OPENWX_NAME for one of "
            + ", ".join(key for key in Settings.model_fields if key not in TABLES)
        )
    if section == "listen":
        return ("listen", 0, rest)
    if section != "accounts":
        return (section, rest)
    # An account's name may contain __, a key does not.
    configured = raw.get("accounts")
    names = list(configured) if isinstance(configured, dict) else []
    written = name[len(_PREFIX) + len("accounts__") :]
    account, separator, key = written.rpartition("__")
    if not separator or written.lower() in (known.lower() for known in names):
        return ("accounts", _account(written, names))
    return ("accounts", _account(account, names), key.lower())


def _account(written: str, names: list[str]) -> str:
    """Find the configured account, ignoring case; else name a new one in lower case."""
    if written in names:
        return written
    return next((known for known in names if known.lower() == written.lower()), written.lower())


def _field(location: Location) -> FieldInfo | None:
    """Find the field at ``location``; None for a whole account, or if there is no such field."""
    model = Settings if len(location) == 1 else TABLES[str(location[0])]
    if location[0] == "accounts" and len(location) == 2:
        return None
    return model.model_fields.get(str(location[-1]))


def _plain_type(field: FieldInfo) -> type:
    """Reduce a field's type to bool, int or float; list or dict if it is given as JSON; str for all else."""
    wanted: Any = field.annotation
    if get_origin(wanted) in (Union, UnionType):
        wanted = next(arg for arg in get_args(wanted) if arg is not type(None))
    if get_origin(wanted) in (list, dict):
        return list if get_origin(wanted) is list else dict
    if isinstance(wanted, type) and issubclass(wanted, BaseModel):
        return dict
    return wanted if wanted in (bool, int, float) else str
