"""The tables of the configuration: each key, its default and its bounds (contract, section 4). ``load`` fills them.

All are frozen. ``config.example.toml`` explains every key; a test compares the two.
"""

import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from openwx.config import cluster as clusters
from openwx.config import proxies
from openwx.config.addresses import Network, OptionalOrigin, Origin, a_host
from openwx.config.cluster import ClusterSettings, StoreSettings
from openwx.config.listen import Listen
from openwx.config.proxies import NO_PROXIES, EnvironmentProxies, Proxy, ProxyUrl
from openwx.config.report import ReportSettings
from openwx.config.values import (
    AccountName,
    BadValueError,
    FilePath,
    Folder,
    KeyName,
    KeyToken,
    MediaStoreName,
    Size,
    Text,
    Token,
    YesNo,
    one_of,
    seconds,
    whole,
)
from openwx.errors import ConfigError

_BARE_HOST = a_host("a host name or an IP address, without scheme, port or path")
MOST_KEYS = 1000


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class AccessKey(_Table):
    """A key of its own for one program or person. ``accounts`` None: all."""

    name: KeyName
    token: KeyToken = Field(repr=False)
    accounts: list[AccountName] | None = None
    scope: Annotated[Literal["full", "send", "read"], one_of("full", "send", "read")] = "full"

    @field_validator("accounts")
    @classmethod
    def _not_none_at_all(cls, accounts: list[str] | None) -> list[str] | None:
        if accounts == []:
            raise BadValueError("must name an account; leave the key out for all accounts")
        return accounts


class AccessSettings(_Table):
    """Who may call the API."""

    token: Token = Field(default=None, repr=False)
    allow_anonymous: YesNo = False
    cors_origins: list[Origin] = []
    allowed_hosts: list[Annotated[str, _BARE_HOST]] = []
    trusted_proxies: list[Network] = []
    """The proxies whose ``X-Forwarded-For`` is trusted."""
    max_connections: Annotated[int, whole(10, 100_000)] = 500
    allow_private_targets: YesNo = False
    keys: list[AccessKey] = []

    @model_validator(mode="after")
    def _distinct_keys(self) -> "AccessSettings":
        if len(self.keys) > MOST_KEYS:
            raise BadValueError(f"must have at most {MOST_KEYS} keys, not {len(self.keys)}")
        names: set[str] = set()
        owners = {} if self.token is None else {self.token: "access.token"}
        for number, key in enumerate(self.keys):
            if key.name.lower() in names:
                words = f"must give each key a name of its own, in more than case: keys[{number}]"
                raise BadValueError(f"{words} is another {key.name}")
            if other := owners.get(key.token):
                words = f"must give each key a token of its own: {key.name} has that of {other}"
                raise BadValueError(words)
            names.add(key.name.lower())
            owners[key.token] = key.name
        return self

    @property
    def needs_token(self) -> bool:
        """Whether callers need a token: that of all, or a key's."""
        return self.token is not None or bool(self.keys)

    @property
    def own_token(self) -> str | None:
        """The token with which commands beside the gateway call it. Raises ``ConfigError`` if no key allows it."""
        if self.token is not None or not self.keys:
            return self.token
        for key in self.keys:
            if key.scope == "full" and key.accounts is None:
                return key.token
        raise ConfigError(
            "this needs access.token, or a key in [[access.keys]] with the scope full and without accounts: each of "
            "the configured keys allows less"
        )


class Media(_Table):
    """Received media, and the folders of media to send. ``max_size`` is in bytes."""

    roots: list[Folder] | None = None
    """None for the default, which ``Settings.media_roots`` computes."""
    private_hosts: list[Annotated[str, _BARE_HOST]] = []
    download: YesNo = True
    max_size: Size = 25 * 1024**2
    keep_days: Annotated[int, whole(1, 36_500)] = 7
    store: MediaStoreName = None
    """None for the default, which ``Settings.media_store`` computes."""


class JournalLimits(_Table):
    """How much of an account the journal keeps. Pending work always stays."""

    keep_days: Annotated[int, whole(1, 36_500)] = 7
    keep_delivered: Annotated[int, whole(100, 10_000_000)] = 10_000
    keep_failed: Annotated[int, whole(1, 10_000_000)] = 10_000


class McpSettings(_Table):
    """What ``openwx mcp`` lets a model do: exact names, ids or uids of chats, and folders."""

    account: AccountName | None = None
    """None: the only account there is."""
    send_to: list[Text] = []
    read_from: list[Text] | None = None
    """None: all chats."""
    files: list[Folder] = []
    """The folders below which files may be sent by their paths."""
    token: Token = Field(default=None, repr=False)
    """What callers of ``--http`` send."""


class AccountSettings(ReportSettings):
    """One account. ``send_interval`` is seconds.

    Of the ``[report]`` keys in it only those count that were written for it (``model_fields_set``);
    for the rest ``[report]`` counts. So read them through ``Settings.report_for``, never here.
    """

    transport: Annotated[Literal["web", "ilink"], one_of("web", "ilink")] = "web"
    login_mode: Annotated[Literal["desktop", "web"], one_of("desktop", "web")] = "desktop"
    base_url: OptionalOrigin = None
    proxy: ProxyUrl = Field(default=None, repr=False)
    send_interval: Annotated[float, seconds(0, 3600)] = 3.0
    send_tries: Annotated[int, whole(1, 100)] = 5
    queue_size: Annotated[int, whole(1, 1_000_000)] = 1000

    def report_over(self, report: ReportSettings) -> ReportSettings:
        """Override ``report`` with this account's own keys. Headers are secrets of one ``post_api``: an account with
        another one does not inherit them."""
        own = self.model_fields_set & ReportSettings.model_fields.keys()
        update = {key: getattr(self, key) for key in own}
        if "post_api" in own and self.post_api != report.post_api:
            update.setdefault("headers", {})
        return report.model_copy(update=update)

    def proxy_with(self, environment: EnvironmentProxies) -> Proxy | None:
        """Return the proxy through which it reaches WeChat; None where it has none."""
        return proxies.choose(self.proxy, self.base_url, environment)


class Settings(_Table):
    """The whole configuration."""

    data_dir: Folder = Field(
        default_factory=lambda: platformdirs.user_data_path("openwx", appauthor=False)
    )
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], one_of("debug", "info", "warning", "error")
    ] = "info"
    log_path: FilePath = None
    log_format: Annotated[Literal["console", "json"], one_of("console", "json")] = "console"
    show_messages: YesNo = True
    max_clients: Annotated[int, whole(1, 10_000)] = 100
    listen: list[Listen] = [Listen()]
    access: AccessSettings = AccessSettings()
    store: StoreSettings = StoreSettings()
    cluster: ClusterSettings = Field(default_factory=ClusterSettings)
    media: Media = Media()
    report: ReportSettings = ReportSettings()
    journal: JournalLimits = JournalLimits()
    mcp: McpSettings = McpSettings()
    accounts: dict[AccountName, AccountSettings] = {"default": AccountSettings()}
    _source: Path | None = PrivateAttr(default=None)
    _environment_proxies: EnvironmentProxies = PrivateAttr(default=NO_PROXIES)

    @field_validator("listen")
    @classmethod
    def _listens_somewhere_once(cls, listen: list[Listen]) -> list[Listen]:
        if not listen:
            raise BadValueError("must list at least one address")
        seen = set()
        for one in listen:
            if one.port and (one.host, one.port) in seen:
                raise BadValueError(f"lists host {one.host} with port {one.port} twice")
            seen.add((one.host, one.port))
        return listen

    @field_validator("cluster")
    @classmethod
    def _fits_to_the_store(cls, cluster: ClusterSettings, info: ValidationInfo) -> ClusterSettings:
        if "store" in info.data and "listen" in info.data:  # what is wrong itself is missing
            clusters.require_for(cluster, info.data["store"], info.data["listen"])
        return cluster

    @field_validator("media")
    @classmethod
    def _stores_where_others_are(cls, media: Media, info: ValidationInfo) -> Media:
        url = info.data["store"].url if "store" in info.data else ""
        if media.store not in (None, "folder") and url is None:
            words = f"has store {media.store}, but store.url is not set"
            raise BadValueError(f"{words}: a process alone keeps media in its folder")
        return media

    @field_validator("accounts", mode="before")
    @classmethod
    def _default_account(cls, accounts: Any) -> Any:
        return {"default": {}} if accounts == {} else accounts

    @field_validator("accounts")
    @classmethod
    def _distinct_names(cls, accounts: dict[str, AccountSettings]) -> dict[str, AccountSettings]:
        names: dict[str, str] = {}
        for (
            name
        ) in accounts:  # folders and variables are named after accounts, and often ignore case
            if other := names.get(name.lower()):
                raise BadValueError(
                    f"must have names that differ in more than case, not {other} and {name}"
                )
            names[name.lower()] = name
        return accounts

    @field_validator("accounts")
    @classmethod
    def _targets_get_recorded_events(
        cls, accounts: dict[str, AccountSettings], info: ValidationInfo
    ) -> dict[str, AccountSettings]:
        report = info.data.get("report", ReportSettings())  # it is missing where it is wrong itself
        for name, account in accounts.items():
            try:
                if "targets" in account.model_fields_set:
                    account.report_over(report).require_recorded_events()
            except BadValueError as error:
                raise BadValueError(f"{name}.{error}") from None
        return accounts

    def report_for(self, name: str) -> ReportSettings:
        """Return the effective ``[report]`` of an account. Raises ``KeyError`` for an unknown name."""
        return self.accounts[name].report_over(self.report)

    @property
    def media_dir(self) -> Path:
        """The folder of downloaded media."""
        return self.data_dir / "media"

    @property
    def media_store(self) -> str:
        """Where other nodes find media: ``database``, ``folder``, or ``s3://bucket/prefix``."""
        return self.media.store or ("folder" if self.store.url is None else "database")

    @property
    def media_roots(self) -> list[Path]:
        """The folders from which local media may be sent; links in them are not resolved yet."""
        if self.media.roots is not None:
            return self.media.roots
        return list(dict.fromkeys([Path(tempfile.gettempdir()), Path("/tmp"), self.media_dir]))  # noqa: S108 - contract

    @property
    def own_files(self) -> list[Path]:
        """The files with secrets that are not in ``data_dir``."""
        keys = [*(one.tls_key for one in self.listen), self.cluster.tls_key]
        return [file for file in (self._source, self.log_path, *keys) if file is not None]

    def read_from(
        self, source: Path | None, proxies: EnvironmentProxies = NO_PROXIES
    ) -> "Settings":
        """Remember the file that these settings come from, and the proxies of their environment."""
        self._source, self._environment_proxies = source, proxies
        return self

    @property
    def environment_proxies(self) -> EnvironmentProxies:
        """The proxies of the environment, for accounts without their own."""
        return self._environment_proxies

    @property
    def tokens(self) -> dict[str, str]:
        """The tokens that open something, by the names of their settings."""
        single = {
            "access.token": self.access.token,
            "mcp.token": self.mcp.token,
            "cluster.secret": self.cluster.secret,
        }
        return {name: token for name, token in single.items() if token is not None} | {
            f"access.keys[{number}].token ({key.name})": key.token
            for number, key in enumerate(self.access.keys)
        }

    def exposed(self) -> list[int]:
        """List the entries of ``listen`` that other machines can reach, with or without TLS."""
        return [i for i, one in enumerate(self.listen) if not one.is_loopback]

    def check_exposure(self) -> None:
        """Raise ``ConfigError`` if other machines can reach the API without a token or ``allow_anonymous``."""
        if not self.access.needs_token and not self.access.allow_anonymous:
            for i in self.exposed():
                raise ConfigError(
                    f"listen[{i}].host {self.listen[i].host} can be reached from other machines, "
                    'so a token is needed: write token = "a long random text" under [access] '
                    "(or set OPENWX_ACCESS__TOKEN), or allow_anonymous = true there "
                    "to let in everyone"
                )
