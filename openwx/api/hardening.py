"""The one limit that aiohttp does not offer as an option: how many pipelined requests it parses ahead of the answer.
``server`` sets it.

Made for aiohttp 3.14.1 and newer; ``tests/unit/api/test_hardening.py`` checks on whatever is installed that it works.
Elsewhere only public names are used.
"""

from aiohttp import web_protocol

REQUESTS_AHEAD = 2


def limit_pipelining() -> None:
    """Have connections parse ``REQUESTS_AHEAD`` requests ahead, where aiohttp parses 32 of up to 128 headers each.

    What exceeds it stays unread in the socket. It applies to connections that are made from now on.
    """
    web_protocol.MAX_MSG_QUEUE_SIZE = REQUESTS_AHEAD
