"""Words a report as one line for a person; whoever wants members of it takes JSON. ``tail`` prints it."""

import time
from typing import Any

import msgspec

_LONGEST = 200
"""Characters of a parameter of an event: a QR code in base64 is longer."""
_NO_TIME = f"{'-':<19}"


def worded(report: dict[str, Any]) -> str:
    """Word a report: time, chat, sender and text of a message; name and parameters of an event."""
    if report.get("post_type") == "event":
        params = report.get("params")
        told = ", ".join(filter(None, map(_short, params if isinstance(params, list) else ())))
        return f"{_NO_TIME}  {report.get('event')}" + (f": {told}" if told else "")
    sender = report.get("sender")
    text = f"{sender}: {report.get('content')}" if sender else report.get("content")
    failed = f"  ({report.get('msg')}: {report.get('info')})" if report.get("code") else ""
    return f"{_time(report.get('time'))}  [{_chat(report)}] {text}{failed}"


def with_id(id: int | None, report: bytes) -> dict[str, Any]:
    """Add the id of the stream to the JSON of a report, as the member ``seq``. Raises ``MsgspecError``, and
    ``UnicodeDecodeError`` for what is no UTF-8."""
    return {"seq": id, **msgspec.json.decode(report.decode(), type=dict[str, msgspec.Raw])}


def _chat(report: dict[str, Any]) -> str:
    whose = "receiver" if report.get("class") == "send" else "sender"
    return str(report.get("group") or report.get(whose) or "")


def _time(seconds: object) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(int(str(seconds))))
    except (ValueError, OverflowError, OSError):
        return _NO_TIME


def _short(parameter: object) -> str:
    match parameter:
        case {"displayname": name}:
            return str(name)
        case list() | dict():
            return ""
        case _:
            text = str(parameter)
            return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
