"""Reads the configuration from its three sources, and reports its problems. ``main`` and ``doctor`` call it.

Every problem is one ``ConfigError`` of one line: the source of the value (file, variable or option), the key as TOML
spells it, what is allowed and what was found. It never contains a token or secret.
"""

import re
import shlex
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec
import platformdirs
from pydantic import BaseModel, ValidationError

from openwx.config.addresses import masked
from openwx.config.cluster import EXTRA, is_driver_missing
from openwx.config.environment import TABLES, Location, apply_environment, convert, put
from openwx.config.models import Settings
from openwx.config.proxies import EnvironmentProxies, read_environment, uses_environment
from openwx.config.strength import NEW, weakness
from openwx.config.values import hint, kind
from openwx.errors import ConfigError

_TABLES_IN_LISTS = {
    "listen": " ([[listen]])",
    "keys": " ([[access.keys]])",
    "targets": " ([[report.targets]])",
}
"""How TOML spells the lists of tables."""
ILINK_INTERVAL_S = 3.0
"""The shortest pause between two sends by iLink that users found to be safe (docs/ilink.md, "pace")."""
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Loaded(msgspec.Struct, frozen=True):
    """The settings, the file (None: the defaults) and the environment variables they came from, and warnings."""

    settings: Settings
    source: Path | None
    variables: list[str]
    warnings: list[str]

    @property
    def advice(self) -> list[str]:
        """Lines about settings that are allowed but not recommended."""
        lines = [
            f"{setting}: {words}; create a better one: {NEW}"
            for setting, token in self.settings.tokens.items()
            if (words := weakness(token))
        ]
        configured = self.settings.accounts
        for key in self.settings.access.keys:
            strange = [name for name in key.accounts or () if name not in configured]
            if strange:
                words = f"the configuration has no account {', '.join(strange)}"
                lines.append(f"access.keys: {key.name}: {words}; only start_client can start it")
        for name, account in self.settings.accounts.items():
            if account.transport == "ilink" and account.send_interval < ILINK_INTERVAL_S:
                where = _dotted(("accounts", name, "send_interval"))
                lines.append(
                    f"{where} is {account.send_interval:g} s: sending that fast by iLink can lock the bot out"
                    f" for an hour or more; write {ILINK_INTERVAL_S:g} or more"
                )
        return lines


def load(path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, Any]) -> Loaded:
    """Load the effective configuration: the file, overridden by ``environ``, overridden by ``overrides``.

    ``path`` is that of ``--config``; without it, the first of ``./config.toml`` and the file in the user's
    configuration folder is read, else the defaults apply. ``overrides`` come from the command line: with ``host`` or
    ``port``, the first address to listen on is the only one; other keys are top-level settings; None means not given.
    Relative paths in settings start at the working folder. Raises only ``ConfigError``.
    """
    try:
        return _load(path, environ, overrides)
    except ConfigError as error:
        raise ConfigError(_one_line(str(error))) from None


def describe(loaded: Loaded) -> str:
    """Describe the configuration for ``openwx check-config`` in a few lines, with secrets masked."""
    settings = loaded.settings
    lines = [
        *sources(loaded),
        f"listen: {', '.join(one.url for one in settings.listen)}",
        f"access: {_who_may_call(settings)}",
        f"data_dir: {settings.data_dir}",
        *_cluster(settings),
    ]
    for name, account in settings.accounts.items():
        report = settings.report_for(name)
        api = masked(report.post_api) if report.post_api else "none"
        others = "".join(
            f", {target.name} {masked(target.url)}{', signed' if target.secret else ''}"
            for target in report.all_targets()
            if not target.is_post_api
        )
        signed = ", signed" if report.post_api and report.secret is not None else ""
        if api.startswith("https:") and not report.verify:
            signed += ", any certificate"
        relay = f", base_url {account.base_url}" if account.base_url else ""
        if proxy := account.proxy_with(settings.environment_proxies):
            origin = "" if proxy.source == "proxy" else f" (of {proxy.source})"
            relay += f", proxy {proxy.shown}{origin}"
        is_web = account.transport == "web"
        way = f"login_mode {account.login_mode}" if is_web else f"transport {account.transport}"
        lines.append(f"account {name}: {way}{relay}, post_api {api}{signed}{others}")
    lines += [f"warning: {warning}" for warning in (*loaded.warnings, *loaded.advice)]
    return "\n".join(_one_line(line) for line in lines)


def _cluster(settings: Settings) -> list[str]:
    """Describe the database and this node; nothing where the journal is in ``data_dir``."""
    store, cluster = settings.store, settings.cluster
    if store.url is None:
        return []
    listen = f", listens for other nodes at {cluster.listen}" if cluster.listen else ""
    told = f", which is {cluster.url} for them" if cluster.listen else ""
    return [
        f"store: {store.shown}, schema {store.schema}",
        f"node: {cluster.node}, lease {cluster.lease:g} s{listen}{told}",
    ]


def _who_may_call(settings: Settings) -> str:
    access = settings.access
    keys = [
        f"key {key.name} ({key.scope}, {', '.join(key.accounts) if key.accounts else 'all accounts'})"
        for key in access.keys
    ]
    ways = ["token", *keys] if access.token is not None else keys
    if ways:
        return f"{' or '.join(ways)} required"
    if settings.exposed():
        return "no token, open to everyone (allow_anonymous = true)"
    return "no token, this machine only"


def sources(loaded: Loaded) -> list[str]:
    """List the sources of the settings."""
    lines = [f"file: {loaded.source or 'none, the defaults'}"]
    if loaded.variables:
        lines.append(f"environment: {', '.join(loaded.variables)}")
    return lines


def _load(path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, Any]) -> Loaded:
    source = _find(path)
    raw = {} if source is None else _read(source)
    place = "the defaults" if source is None else str(source)
    origins: dict[Location, str] = {(): place}
    variables, warnings = apply_environment(raw, environ, origins)
    # First without the command line: the values that it replaces must be valid, too.
    settings = _validate(raw, origins)
    if any(value is not None for value in overrides.values()):
        _apply_overrides(raw, overrides, origins)
        settings = _validate(raw, origins)
    try:
        settings.check_exposure()
    except ConfigError as error:
        location: Location = ("listen", settings.exposed()[0], "host")
        raise ConfigError(f"{_origin(location, origins)}: {error}") from None
    if settings.store.url is not None and is_driver_missing():
        pip = shlex.join([sys.executable, "-m", "pip", "install", EXTRA])
        origin = _origin(("store", "url"), origins)
        raise ConfigError(f"{origin}: store.url needs a package that is not installed: {pip}")
    if not settings.access.needs_token:
        warnings += [
            f"anybody who can reach {settings.listen[i].url} can use the accounts: "
            "access.allow_anonymous is true and there is no token"
            for i in settings.exposed()
        ]
    proxies = _proxies(settings, environ, warnings)
    settings.read_from(None if source is None else source.absolute(), proxies)
    return Loaded(settings, source, variables, [_one_line(line) for line in warnings])


def _proxies(
    settings: Settings, environ: Mapping[str, str], warnings: list[str]
) -> EnvironmentProxies:
    """Read the proxies of the environment. One that cannot be used is a warning where no account wants it."""
    proxies, problems = read_environment(environ)
    for name, account in settings.accounts.items():
        if problems and uses_environment(account.proxy, account.base_url):
            key = _dotted(("accounts", name, "proxy"))
            raise ConfigError(f'{problems[0]}; or set {key} ("" for none)')
    warnings += [f"{words}; it is ignored" for words in problems]
    return proxies


def _find(path: Path | None) -> Path | None:
    """Find the file to read. A file that ``--config`` names must exist; the others may be missing."""
    if path is not None:
        return path
    user = platformdirs.user_config_path("openwx", appauthor=False) / "config.toml"
    for candidate in (Path("config.toml"), user):
        try:
            candidate.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            pass  # it exists but cannot be inspected: reading it reports why
        return candidate
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: must be a file, not a folder") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a possible path"
        raise ConfigError(f"{path}: cannot be read ({why})") from None
    try:
        return tomllib.loads(data.decode("utf-8-sig"))  # Notepad writes a byte order mark
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}: must be UTF-8 text, which line {line} is not") from None
    except tomllib.TOMLDecodeError as error:
        twice = "; each [section] may occur once: add the keys to the existing one"
        hint = twice if str(error).startswith("Cannot declare") else ""
        raise ConfigError(f"{path}: is not valid TOML: {error}{hint}") from None
    except (ValueError, RecursionError):
        raise ConfigError(
            f"{path}: is not valid TOML: a number is too long, or tables or lists are nested too deeply"
        ) from None


def _apply_overrides(
    raw: dict[str, Any], overrides: Mapping[str, Any], origins: dict[Location, str]
) -> None:
    """Write the command line's values into ``raw``, which is valid so far."""
    given = {key: value for key, value in overrides.items() if value is not None}
    if "host" in given or "port" in given:
        raw["listen"] = raw.get("listen", [{}])[:1]
    for key, value in given.items():
        location: Location = ("listen", 0, key) if key in ("host", "port") else (key,)
        origin = f"option --{key.replace('_', '-')}"
        given_value = convert(value, location) if isinstance(value, str) else value
        put(raw, location, given_value, origin, origins)


# Problems


def _validate(raw: dict[str, Any], origins: dict[Location, str]) -> Settings:
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    location, given = first["loc"], first["input"]
    origin = _origin(location, origins)
    in_json = " in JSON" if origin.startswith("environment") else ""
    match first["type"]:
        case "value_error":  # our own text, from ``values``
            if location[0] == "accounts" and location[2:] == ("[key]",):
                location = location[:2]
            text = f"{_dotted(location)} {first['ctx']['error']}"
        case "extra_forbidden":
            text = _unknown_key(location)
        case "list_type":
            spelling = in_json or _TABLES_IN_LISTS.get(str(location[-1]), "")
            text = f"{_dotted(location)} must be a list{spelling}, not {kind(given)}"
        case "missing":
            what = ": the address of the backend" if location[-1] == "url" else ""
            text = f"{_dotted(location)} is missing{what}"
        case _:
            text = f"{_dotted(location)} must be a table{in_json}, not {kind(given)}"
    raise ConfigError(f"{origin}: {text}")


def _unknown_key(location: Location) -> str:
    key = str(location[-1])
    model = _table_at(location[:-1])
    home = next((name for name, table in TABLES.items() if key in table.model_fields), None)
    if key in Settings.model_fields:
        near = f"; {key} belongs to the top of the file, before the first [table]"
    elif home:
        near = f"; {key} belongs to [{'accounts.NAME' if home == 'accounts' else home}]"
    else:
        near = hint(key, model.model_fields)
    known = " Known here: " if near.endswith("?") else "; known here: "
    return f"{_dotted(location)} is unknown{near}{known}{', '.join(model.model_fields)}"


def _table_at(location: Location) -> type[BaseModel]:
    """Find the model of the table at ``location``, which may lie in a list in another table."""
    model: type[BaseModel] = Settings if not location else TABLES[str(location[0])]
    for step in location[1:]:
        field = model.model_fields.get(str(step))
        for inner in () if field is None else get_args(field.annotation):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                model = inner
    return model


def _origin(location: Location, origins: dict[Location, str]) -> str:
    """Find the source of the value at ``location``: that of its longest known prefix."""
    prefixes = (location[:end] for end in range(len(location), -1, -1))
    return next(origins[prefix] for prefix in prefixes if prefix in origins)


def _dotted(location: Location) -> str:
    """Spell a location as TOML does: ``accounts."a b".send_tries``, ``listen[0].port``."""
    text = ""
    for step in location:
        if isinstance(step, int):
            text += f"[{step}]"
            continue
        short = step if len(step) <= 80 else step[:77] + "..."
        quoted = short if _BARE_KEY.fullmatch(short) else '"' + short.replace('"', '\\"') + '"'
        text += f".{quoted}" if text else quoted
    return text


def _one_line(text: str) -> str:
    """Escape every character of ``text`` that could break a line or a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
