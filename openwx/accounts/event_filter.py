"""Which reports a reader of streams wants. ``Stream`` asks it."""

from typing import Any

import msgspec

from openwx.domain.spelling import alike
from openwx.reporter.payload import payload_in
from openwx.store.records import PublishedReport

MESSAGES = ("receive_message", "send_message")


class EventFilter(msgspec.Struct, frozen=True):
    """A filter of reports. What is empty does not count. ``chat`` and ``formats`` are about messages: where one of them
    is given, events match only if ``kinds`` names them, too."""

    kinds: frozenset[str] = frozenset()
    """``receive_message``, ``send_message``, ``event`` (all of them), or names of events."""
    chat: str = ""
    """The id, uid, account, display name or remark name of the friend, or the id, uid or name of the group, in
    whatever spelling."""
    formats: frozenset[str] = frozenset()
    """``text``, ``media`` and so on."""

    def matches(self, report: PublishedReport) -> bool:
        """Whether a report matches. Without its body only its kind is compared."""
        if report.kind not in MESSAGES:
            return self._matches_event(report.kind)
        if self.kinds and report.kind not in self.kinds:
            return False
        if not (self.chat or self.formats) or not (payload := payload_in(report.body)):
            return True
        return (not self.formats or payload["format"] in self.formats) and (
            not self.chat or any(map(alike(self.chat), _names(payload)))
        )

    def _matches_event(self, name: str) -> bool:
        if self.kinds:
            return name in self.kinds or "event" in self.kinds
        return not (self.chat or self.formats)


EVERYTHING = EventFilter()


def _names(payload: dict[str, Any]) -> list[str]:
    """List what the chat of a message can be called."""
    names: tuple[str, ...]
    if "group_id" in payload:
        names = ("group", "group_id", "group_uid", "group_name")
    else:
        whose = "receiver" if payload["class"] == "send" else "sender"
        names = (whose, *(f"{whose}_{name}" for name in ("id", "uid", "account", "markname")))
    found = [payload.get(name) for name in names]
    return [str(name) for name in found if name not in (None, "")]
