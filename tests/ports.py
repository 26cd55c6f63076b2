"""Finds ports for programs that are told where to listen. Tests that start such a program call it."""

import secrets
import socket

_FROM, _TO = 20_000, 30_000
_given: set[int] = set()


def free_port() -> int:
    """Find a port that nobody has, and that no program gets which asks for any: Linux gives those above 32767.

    Each is given once in a process.
    """
    while True:
        port = _FROM + secrets.randbelow(_TO - _FROM)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
