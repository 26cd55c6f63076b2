"""The file in which ``openwx tail --state`` keeps the last id. ``tail`` reads and writes it."""

import os
from pathlib import Path

from openwx.errors import ConfigError


class StateFile:
    """The id of the last event whose line is written. At every moment the file holds one whole id."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new = path.with_name(f"{path.name}.new")

    def read(self) -> int | None:
        """Return the id; None if there is no file. Raises ``ConfigError`` for a file that is none of ours."""
        try:
            text = self._path.read_bytes()[:100].strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unfit(f"it cannot be read: {error.strerror or error}") from None
        if not (text.isdigit() and len(text) <= 18):
            raise self._unfit("it must hold the id of an event; remove it to begin now")
        return int(text)

    def write(self, id: int) -> None:
        """Replace the id, durably. Raises ``ConfigError``."""
        try:
            self._new.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(self._new, flags, 0o600), "wb") as opened:
                opened.write(b"%d\n" % id)
                opened.flush()
                os.fsync(opened.fileno())
            self._new.replace(self._path)
        except OSError as error:
            raise self._unfit(f"it cannot be written: {error.strerror or error}") from None

    def _unfit(self, why: str) -> ConfigError:
        return ConfigError(f"--state {self._path}: {why}")
