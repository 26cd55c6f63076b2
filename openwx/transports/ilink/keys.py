"""The keys of received files by their MD5: a file that somebody sends again can come with a key that does not fit what
the CDN has kept from the first time (report of 2026). Then the key of the first time does. ``ILinkClient`` notes
them, ``Transfer`` asks for them.
"""

import msgspec

MOST = 200
"""The number of files that are remembered, the newest."""
MOST_KEYS = 5


class Keys:
    """Hexadecimal keys, by the MD5 of the plain file."""

    def __init__(self, known: dict[str, list[str]] | None = None) -> None:
        self._known = known or {}

    def to_bytes(self) -> bytes:
        return msgspec.json.encode(self._known)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Keys":
        """Decode what was saved. Raises one of ``UNREADABLE``."""
        return cls(msgspec.json.decode(data, type=dict[str, list[str]]))

    def note(self, md5: str, key: str) -> None:
        """Remember the key of a file."""
        keys = self._known.pop(md5, [])
        self._known[md5] = [key, *(one for one in keys if one != key)][:MOST_KEYS]
        if len(self._known) > MOST:
            del self._known[next(iter(self._known))]

    def of(self, md5: str) -> list[str]:
        """Return the keys of a file, the newest first."""
        return self._known.get(md5, [])
