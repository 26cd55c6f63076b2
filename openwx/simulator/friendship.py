"""Becoming friends: those who ask the account, and those whom it asks (reference, 5 and 7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .people import Person
    from .timeline import Message


@dataclass(slots=True, eq=False)
class FriendRequest:
    """Somebody asks to be a friend; the web client accepts with the ticket."""

    person: Person
    words: str
    ticket: str
    message: Message = field(repr=False)
    """The MsgType 37 message."""
    accepted: bool = False


@dataclass(slots=True, eq=False)
class Invitation:
    """The account asked somebody to be a friend; `person.accepts_me()` says yes."""

    person: Person
    words: str
    accepted: bool = False
