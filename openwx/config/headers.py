"""Headers that a backend gets with every report. Their values are secrets, and never show.
``report`` and ``targets`` check them.
"""

import re
from typing import Annotated, Any

from pydantic import PlainValidator

from openwx.config.values import BadValueError, kind

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_MOST = 50
_MOST_CHARACTERS = 4096
OURS = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
)
"""Headers that openwx or its HTTP client sets, in lower case."""


def _headers(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise BadValueError(f"must be a table of header names and values, not {kind(value)}")
    if len(value) > _MOST:
        raise BadValueError(f"must have at most {_MOST} headers, not {len(value)}")
    seen: set[str] = set()
    for name, text in value.items():
        _require_name(name)
        if name.lower() in seen:
            raise BadValueError(f"has {name} twice: the case of a header's name does not count")
        seen.add(name.lower())
        if not isinstance(text, str):
            raise BadValueError(f"{name} must be text in quotes, not {kind(text)}")
        if len(text) > _MOST_CHARACTERS or text != text.strip() or not _is_visible(text):
            raise BadValueError(
                f"{name} must have a value of up to {_MOST_CHARACTERS} visible ASCII characters and spaces, with no"
                " space at either end and no line break"
            )
    return dict(value)


def _require_name(name: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        shown = name[:40] if isinstance(name, str) else kind(name)
        raise BadValueError(
            f"has the name {shown!r}: a header's name has up to 100 letters, digits and - _ ."
        )
    if name.lower() in OURS:
        raise BadValueError(f"must not have {name}: openwx sets that itself")


def _is_visible(text: str) -> bool:
    return all(" " <= character <= "~" for character in text)


Headers = Annotated[dict[str, str], PlainValidator(_headers, json_schema_input_type=dict[str, str])]
"""Header values by their names."""
