"""Set what a person gives as words: for the control API and the command line."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from typing import Any

OFF = ("false", "no", "off", "0")
"""Words that mean no."""
_WORDS = {int: "a whole number", float: "a number", str: "a text"}


def assign(settings: Any, values: Mapping[str, Any]) -> None:
    """Set fields of a dataclass, each converted to the type of its present value: all, or none.

    Raises ValueError in plain words for a name that it does not have, and for a value of another type.
    """
    known = {f.name: type(getattr(settings, f.name)) for f in dataclasses.fields(settings)}
    for name in values:
        if name not in known:
            raise ValueError(f"{name} is no setting; there are {', '.join(known)}")
    for name, value in {name: _read(name, known[name], values[name]) for name in values}.items():
        setattr(settings, name, value)


def _read(name: str, kind: type, value: Any) -> Any:
    """Read a value. From a query all values are words: "false" is not true."""
    if kind is bool:
        return bool(value) and str(value).lower() not in OFF
    try:
        return kind(value)
    except (TypeError, ValueError):
        choices = ", ".join(kind) if issubclass(kind, Enum) else ""
        allowed = f"one of {choices}" if choices else _WORDS[kind]
        raise ValueError(f"{name} should be {allowed}") from None
