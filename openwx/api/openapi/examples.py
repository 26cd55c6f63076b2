"""Reads the examples: calls of the real server and its answers, recorded by a test (``tests/examples/``).
The other modules here take them into the document.
"""

import functools
from pathlib import Path
from typing import Any

import msgspec

FOLDER = Path(__file__).parent / "examples"
EVERYWHERE = "everywhere"
"""The topic of answers that any route can give."""


class Recorded(msgspec.Struct, omit_defaults=True):
    """One call with its answer. ``told`` are the answer's headers, ``call`` the parameters."""

    about: str
    status: int
    call: dict[str, str] = {}
    file: str = ""
    """The name of a file part ``media``."""
    headers: dict[str, str] = {}
    told: dict[str, str] = {}
    answer: Any = None

    @property
    def code(self) -> int:
        """The code of the answer; 0 for a bare list and for a picture."""
        code: int = self.answer.get("code", 0) if isinstance(self.answer, dict) else 0
        return code


@functools.cache
def of_topic(topic: str) -> dict[str, list[Recorded]]:
    """Read the examples of the routes of one module, by the names of the routes; none if none were recorded yet."""
    path = FOLDER / f"{topic}.json"
    data = path.read_bytes() if path.exists() else b"{}"
    return msgspec.json.decode(data, type=dict[str, list[Recorded]])


def of_uploads(kind: str) -> dict[str, dict[str, Any]]:
    """Read reports to ``post_api``, ``messages`` or ``events``: by format or event, and by what they are about."""
    uploads: dict[str, dict[str, Any]] = msgspec.json.decode(
        (FOLDER / f"post_api_{kind}.json").read_bytes()
    )
    return uploads


def everywhere(status: int) -> list[Recorded]:
    """Return what any route can answer with this HTTP status."""
    recorded = [one for calls in of_topic(EVERYWHERE).values() for one in calls]
    return [one for one in recorded if one.status == status]
