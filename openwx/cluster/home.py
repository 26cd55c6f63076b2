"""The id of a data folder. Its lock proves that a former process of the same home is gone.
``service`` and ``errand`` ask for it.
"""

import os
from pathlib import Path
from uuid import UUID, uuid4

from openwx.errors import ConfigError

HOME = "home"


def home_of(data_dir: Path) -> UUID:
    """Return the id of a data folder that this process has locked; make one at the first call.

    Raise ``ConfigError`` where the folder cannot be written, or has something else under that name.
    """
    file = data_dir / HOME
    try:
        try:
            return UUID(file.read_text(encoding="ascii").strip())
        except FileNotFoundError:
            return _made(file)
    except ValueError:
        raise ConfigError(f"{file} is damaged: it should contain an id; delete it") from None
    except OSError as error:
        raise ConfigError(f"{file} cannot be used: {error.strerror or error}") from None


def _made(file: Path) -> UUID:
    """Write a new id. Whoever is interrupted leaves no half of one."""
    home = uuid4()
    new = file.with_name(f"{HOME}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(f"{home}\n".encode())
        opened.flush()
        os.fsync(opened.fileno())
    new.replace(file)
    return home
