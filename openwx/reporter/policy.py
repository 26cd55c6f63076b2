"""Which messages and events are reported, and to whom. ``EventRecorder`` and ``Reporters`` ask."""

from collections.abc import Mapping, Sequence
from typing import Any

from openwx.config import ReportSettings, Target
from openwx.config.contract import MESSAGES
from openwx.config.targets import fits


def targets_of(targets: Sequence[Target], kind: str, payload: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the targets that get a report of this kind."""
    return tuple(target.name for target in targets if target.wants(kind, payload))


def allowed_on_stdout(settings: ReportSettings, kind: str, payload: Mapping[str, Any]) -> bool:
    """Return whether ``post_stdout`` writes a report of this kind."""
    if kind not in MESSAGES:
        return settings.post_event and kind in settings.post_event_list
    return fits(settings.post_message_filter, payload)
