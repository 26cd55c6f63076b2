"""The file by which commands find a running gateway, and the proof by which they recognise it.

A gateway writes its addresses and a random id into a file in its data folder, which only its owner can read, and
removes it when it stops; after a kill the file stays. A command demands a proof that the gateway knows the id
(``CHALLENGE``, ``PROOF``) before it sends the id or a token, and names the id in each call (``WANTED``), so that
another gateway rejects it.
"""

import hmac
import os
import secrets
from pathlib import Path

import msgspec

from openwx.errors import UNREADABLE

RUNNING = "running.json"
DEMO = "demo.json"
"""Written by a demo into the configured data folder, of which it uses nothing else."""

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
    """The addresses for programs on this machine, without a path."""


def new_id() -> str:
    return secrets.token_hex(16)


def proof(id: str, challenge: str) -> str:
    """Compute the answer to a challenge, which takes the id."""
    return hmac.digest(id.encode(), challenge.encode("utf-8", "surrogateescape"), "sha256").hex()


def write(file: Path, instance: Instance) -> None:
    """Write the file, replacing that of a killed gateway. Raises ``OSError``."""
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
    """Read the file of a gateway; None if there is none, or no valid one. Raises ``OSError``."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Instance)
    except (FileNotFoundError, *UNREADABLE):
        return None


def remove(file: Path, instance: Instance) -> None:
    """Remove the file, unless another gateway has written it since. Raises ``OSError``."""
    if left(file) == instance:
        file.unlink(missing_ok=True)
