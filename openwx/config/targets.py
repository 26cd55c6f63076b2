"""The backends that reports go to: ``[[report.targets]]`` as it is written, and each target with its defaults.
``ReportSettings`` has them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from openwx.config.addresses import Url
from openwx.config.contract import EVENTS, FORMATS, MESSAGES, POST_API, POST_TYPES
from openwx.config.headers import Headers
from openwx.config.values import (
    BadValueError,
    Certificates,
    Secret,
    TargetName,
    Text,
    YesNo,
    one_of,
    seconds,
    whole,
)

MOST = 16
"""Targets of an account beside ``post_api``: each has connections, a queue and metrics of its own."""


class TargetSettings(BaseModel):
    """One of ``[[report.targets]]``. What is None is taken from ``[report]``, or follows from the order."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: Url = Field(repr=False)
    name: TargetName = None
    post_types: list[Annotated[str, one_of(*POST_TYPES)]] | None = None
    events: list[Annotated[str, one_of(*EVENTS)]] | None = None
    formats: list[Annotated[str, one_of(*FORMATS)]] | None = None
    filter: dict[str, Text] = {}
    headers: Headers = Field(default={}, repr=False)
    secret: Secret = Field(default=None, repr=False)
    timeout: Annotated[float, seconds(0.1, 3600)] | None = None
    tries: Annotated[int, whole(1, 100)] | None = None
    ca: Certificates = None
    verify: YesNo | None = None
    reply: YesNo | None = None

    @field_validator("url")
    @classmethod
    def _must_be_there(cls, url: str | None) -> str:
        if url is None:
            raise BadValueError("must be an http:// or https:// address with a host, not empty")
        return url

    @model_validator(mode="after")
    def _is_not_called_post_api(self) -> Self:
        if self.called == POST_API:
            raise BadValueError(
                f"must have a name: without one it is called {POST_API} as its host is, and so is the setting"
            )
        return self

    @property
    def called(self) -> str:
        """Its name: without one, the host and port of its address, where no secret can be."""
        if self.name is not None:
            return self.name
        parts = urlsplit(self.url or "")
        host = parts.hostname or ""
        shown = f"[{host}]" if ":" in host else host
        return shown if parts.port is None else f"{shown}:{parts.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A backend, with all that its deliveries need. Times are in seconds."""

    name: str
    url: str = field(repr=False)
    messages: frozenset[str]
    """Which of ``receive_message`` and ``send_message`` it gets."""
    events: frozenset[str]
    """The names of the events that it gets."""
    formats: frozenset[str]
    """The formats of messages that it gets; empty for all."""
    filter: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    secret: str | None = field(repr=False)
    timeout: float
    tries: int
    ca: Path | None
    verify: bool
    numbers: bool
    max_age: float
    may_reply: bool

    @property
    def is_post_api(self) -> bool:
        """Whether it is the setting ``post_api``, and not one of ``targets``."""
        return self.name == POST_API

    def wants(self, kind: str, payload: Mapping[str, Any]) -> bool:
        """Return whether it gets a report of this kind: ``receive_message``, ``send_message`` or an event's name."""
        if kind not in MESSAGES:
            return kind in self.events
        return (
            kind in self.messages
            and (not self.formats or payload.get("format") in self.formats)
            and fits(self.filter, payload)
        )


def fits(attributes: Mapping[str, str], payload: Mapping[str, Any]) -> bool:
    """Return whether a message has all attributes of a filter."""
    return all(
        name in payload and _as_text(payload[name]) == value for name, value in attributes.items()
    )


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
