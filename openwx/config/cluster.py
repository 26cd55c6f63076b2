"""``[store]`` and ``[cluster]``: a journal that several processes share, and each of them as a node.
``models`` has both tables.
"""

import re
import socket
import warnings
from importlib.util import find_spec
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo

from openwx.config.addresses import OptionalOrigin, host_name, masked
from openwx.config.listen import Listen
from openwx.config.values import BadValueError, ExistingFile, Token, found, kind, seconds

EXTRA = "asyncpg>=0.30"
"""What the extra ``cluster`` installs, wherever openwx itself came from."""
SHORTEST_SECRET = 32
_NODE = re.compile(r"[A-Za-z0-9_.-]{1,63}")
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_PORT = re.compile(r"[0-9]{1,5}")


def _store_url(value: Any) -> str | None:
    """Check as much of it as shows that it is meant for PostgreSQL. No part of it is shown: each may be a secret."""
    if value is None or value == "":
        return None
    words = "must be an address such as postgresql://openwx@10.0.0.5/openwx"
    if not isinstance(value, str):
        raise BadValueError(f"{words}, not {kind(value)}")
    if any(c.isspace() or not c.isprintable() for c in value):
        raise BadValueError(f"{words}, without spaces (%20 is one in a password)")
    try:
        scheme = urlsplit(value).scheme
    except ValueError:
        raise BadValueError(f"{words}; what is written there is none") from None
    if scheme not in ("postgresql", "postgres") or "://" not in value:
        raise BadValueError(f"{words}; what is written there does not begin with postgresql://")
    return value


def _schema(value: Any) -> str:
    if isinstance(value, str) and _SCHEMA.fullmatch(value) and not value.startswith("pg_"):
        return value
    raise BadValueError(
        "must be up to 63 characters a-z, 0-9 and _, not begin with a digit or pg_,"
        f" not {found(value)}"
    )


def _node(value: Any) -> str:
    if isinstance(value, str) and _NODE.fullmatch(value):
        return value
    raise BadValueError(f"must be a name of 1 to 63 letters, digits and _ . -, not {found(value)}")


def _address(value: Any) -> str | None:
    """Return HOST:PORT in its normal spelling."""
    if value is None or value == "":
        return None
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    name = host_name(host)
    if name is None or not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
        raise BadValueError(
            f"must be HOST:PORT, such as 10.0.0.5:3100 or [fd00::5]:3100, not {found(value)}"
        )
    return f"[{name}]:{int(port)}" if ":" in name else f"{name}:{int(port)}"


def name_of_this_host() -> str:
    """Return the host's name as the name of a node: what cannot be in one is a hyphen."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", socket.gethostname())[:63] or "openwx"


with warnings.catch_warnings():
    # The key is the word of PostgreSQL; pydantic's own `schema` is deprecated, and nobody calls it on a table.
    warnings.filterwarnings("ignore", 'Field name "schema"')

    class StoreSettings(BaseModel):
        """Where the journal is: in PostgreSQL, or (``url`` None) in ``data_dir``."""

        model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

        url: Annotated[str | None, BeforeValidator(_store_url)] = Field(default=None, repr=False)
        """A secret."""
        schema: Annotated[str, BeforeValidator(_schema)] = "openwx"  # type: ignore[assignment]

        @model_validator(mode="after")
        def _has_a_database(self) -> "StoreSettings":
            if self.url is None and (changed := changed_keys(self)):
                raise BadValueError(
                    f"has {changed[0]}, which is without effect where url is not set"
                )
            return self

        @property
        def shown(self) -> str:
            """The address without its secrets; empty without an address."""
            return masked(self.url or "")


class ClusterSettings(BaseModel):
    """This process as a node. ``lease`` and ``join_pause`` are seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    node: Annotated[str, BeforeValidator(_node)] = Field(default_factory=name_of_this_host)
    listen: Annotated[str | None, BeforeValidator(_address)] = None
    advertise: OptionalOrigin = None
    secret: Token = Field(default=None, repr=False)
    tls_cert: ExistingFile = None
    tls_key: ExistingFile = None
    lease: Annotated[float, seconds(5, 60)] = 15.0
    join_pause: Annotated[float, seconds(0, 600)] = 5.0

    @model_validator(mode="after")
    def _fit_together(self) -> "ClusterSettings":
        if self.secret is not None and len(self.secret) < SHORTEST_SECRET:
            raise BadValueError(
                f"must have a secret of {SHORTEST_SECRET} characters or more, not of {len(self.secret)}"
            )
        if (self.tls_cert is None) != (self.tls_key is None):
            missing = "tls_key" if self.tls_key is None else "tls_cert"
            raise BadValueError(f"needs tls_cert and tls_key together: {missing} is missing")
        if self.listen is None:
            self._require_no_listener()
        else:
            self._require_safe_listener()
        return self

    def _require_no_listener(self) -> None:
        for key in ("advertise", "tls_cert"):
            if getattr(self, key) is not None:
                raise BadValueError(
                    f"has {key}, which needs listen: where other nodes reach this one"
                )

    def _require_safe_listener(self) -> None:
        if self.secret is None:
            raise BadValueError(
                f"has listen, which needs a secret of {SHORTEST_SECRET} characters or more, the same on all nodes"
            )
        if self.advertise is None and self.address is not None and self.address.is_everywhere:
            raise BadValueError(
                f"has listen {self.listen}, which is every address of this machine: write in advertise which one"
                " other nodes use, such as http://10.0.0.5:3100"
            )

    @property
    def address(self) -> Listen | None:
        """Where this node listens for the others; None where it does not."""
        if self.listen is None:
            return None
        host, _, port = self.listen.rpartition(":")
        return Listen(host=host, port=int(port), tls_cert=self.tls_cert, tls_key=self.tls_key)

    @property
    def url(self) -> str:
        """Where the other nodes reach this one; empty where they do not."""
        return self.advertise or ("" if self.address is None else self.address.url)


def changed_keys(table: BaseModel) -> list[str]:
    """List the keys that were written for a table with a value that is not the default."""
    fields = type(table).model_fields
    return [key for key in sorted(table.model_fields_set) if _is_changed(table, key, fields[key])]


def _is_changed(table: BaseModel, key: str, field: FieldInfo) -> bool:
    return (
        field.is_required()
        or field.default_factory is not None
        or (getattr(table, key) != field.default)
    )


def require_for(cluster: ClusterSettings, store: StoreSettings, listen: list[Listen]) -> None:
    """Raise ``BadValueError`` where ``[cluster]`` does not fit to ``[store]`` and ``[[listen]]``."""
    changed = changed_keys(cluster)
    if store.url is None and changed:
        # With a journal of its own, it would log in the accounts that other nodes run.
        raise BadValueError(f"has {changed[0]}, but store.url is not set: nodes share a PostgreSQL")
    peers = cluster.address
    for number, one in enumerate(listen):
        if peers is not None and (one.host, one.port) == (peers.host, peers.port):
            raise BadValueError(
                f"has listen {cluster.listen}, which is the address of listen[{number}]: other nodes need one of"
                " their own"
            )


def is_driver_missing() -> bool:
    """Whether the package that speaks with PostgreSQL is not installed."""
    return find_spec("asyncpg") is None
