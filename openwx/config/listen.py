"""``[[listen]]``: the addresses to listen on. ``models`` has them."""

import ipaddress
from typing import Annotated

from pydantic import BaseModel, ConfigDict, model_validator

from openwx.config.addresses import a_host
from openwx.config.values import BadValueError, ExistingFile, whole


class Listen(BaseModel):
    """One address to listen on, with https if both TLS files are set."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: Annotated[
        str,
        a_host("an IP address (0.0.0.0 is every IPv4 one) or a host name, nothing more"),
    ] = "127.0.0.1"
    port: Annotated[int, whole(0, 65535, " (0: any free one)")] = 3000
    tls_cert: ExistingFile = None
    tls_key: ExistingFile = None

    @model_validator(mode="after")
    def _both_or_none(self) -> "Listen":
        if (self.tls_cert is None) != (self.tls_key is None):
            missing = "tls_key" if self.tls_key is None else "tls_cert"
            raise BadValueError(f"needs tls_cert and tls_key together: {missing} is missing")
        return self

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it: 127.0.0.0/8, ::1 and localhost."""
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            return self.host == "localhost"
        if isinstance(address, ipaddress.IPv4Address):
            return address in ipaddress.IPv4Network("127.0.0.0/8")
        return address == ipaddress.IPv6Address("::1")

    @property
    def is_everywhere(self) -> bool:
        """Whether it is every address of this machine, and so none that others could be told."""
        return self.host in ("0.0.0.0", "::")  # noqa: S104 - not listened on here

    @property
    def from_here(self) -> "Listen":
        """The address for programs on this machine: the loopback address if it listens on all."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - not listened on here
        return self.model_copy(update={"host": host})

    @property
    def url(self) -> str:
        """The address as a URL without a path."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls_cert else 'http'}://{shown}:{self.port}"
