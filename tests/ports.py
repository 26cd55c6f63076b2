"""A port for a program that is told where to listen. Tests that start one take it from here."""

import secrets
import socket

_FROM, _TO = 20_000, 32_000


def free_port() -> int:
    """Find a port that nobody has, and that no program gets which asks for any: those are above 32767."""
    while True:
        port = _FROM + secrets.randbelow(_TO - _FROM)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
