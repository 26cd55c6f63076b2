"""How the commands beside a running gateway find it, and tell it from every other.

It leaves a file in its data folder, for its owner alone, with its addresses and a random id. The file is there while
the gateway listens, and removed when it stops; after a kill it stays, and nobody answers for it any more. A command
asks an address for a proof that the gateway knows the id (``CHALLENGE``, ``PROOF``) before it hands over the id or a
token, and names the id in each call (``WANTED``), so that another gateway refuses it.
"""

import hmac
import os
import secrets
from pathlib import Path

import msgspec

RUNNING = "running.json"
DEMO = "demo.json"
"""Left by a demo in the data folder of the configuration, of which it uses nothing else."""

LOCK = "lock"
"""Held by the process that uses the data folder."""
LOCK_S = 0.3
"""How long a command that only looks whether the data folder is in use may hold the lock, in seconds."""

CHALLENGE = "X-Openwx-Challenge"
PROOF = "X-Openwx-Proof"
WANTED = "X-Openwx-Instance"


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway that listens."""

    id: str
    urls: list[str]
    """Where programs on this machine call it, without a path."""


def new_id() -> str:
    return secrets.token_hex(16)


def proof(id: str, challenge: str) -> str:
    """What only somebody who knows the id can answer to a challenge."""
    return hmac.digest(id.encode(), challenge.encode("utf-8", "surrogateescape"), "sha256").hex()


def leave(file: Path, instance: Instance) -> None:
    """Write the file, in place of what a killed gateway left. Raises ``OSError``."""
    new = file.with_name(f"{file.name}.{instance.id}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(msgspec.json.encode(instance))
        new.replace(file)
    except OSError:
        new.unlink(missing_ok=True)
        file.unlink(missing_ok=True)
        raise


def left(file: Path) -> Instance | None:
    """What a gateway has left; None where there is nothing, or no such thing. Raises ``OSError``."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Instance)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def remove(file: Path, instance: Instance) -> None:
    """Remove the file, unless another gateway has written it since. Raises ``OSError``."""
    if left(file) == instance:
        file.unlink(missing_ok=True)
