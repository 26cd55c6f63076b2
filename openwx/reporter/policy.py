"""Which messages and events are reported."""

from collections.abc import Mapping
from typing import Any

from openwx.config import ReportSettings

_MESSAGES = ("receive_message", "send_message")


def allowed(settings: ReportSettings, kind: str, payload: Mapping[str, Any]) -> bool:
    """Return whether the settings allow a report of this kind, be it to ``post_api`` or to stdout."""
    if kind not in _MESSAGES:
        return settings.post_event and kind in settings.post_event_list
    return all(
        name in payload and _as_text(payload[name]) == value
        for name, value in settings.post_message_filter.items()
    )


def should_report(settings: ReportSettings, kind: str, payload: Mapping[str, Any]) -> bool:
    """Return whether a report of this kind has to be delivered to ``post_api``."""
    return settings.post_api is not None and allowed(settings, kind, payload)


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
