"""The rows of the table: each a function that measures, in a process of its own."""

import importlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from benchmarks.figures import Figure


@dataclass(frozen=True, slots=True)
class Scale:
    """How long to measure. ``quick`` shows that a row works, and roughly where it stands."""

    quick: bool

    def of(self, full: int, quick: int) -> int:
        return quick if self.quick else full


Row = Callable[[Scale], Coroutine[Any, Any, list[Figure]]]

ROWS = {
    "routes": "get_user_info and validation-free routes against a bare aiohttp handler",
    "friends": "get_friend_info of 5,000 friends: how long it keeps the event loop",
    "groups": "get_group_info of 200 groups with 300 members: the same, and what others feel of it",
    "search": "search_friend over 10,000 friends against a generator scan",
    "members": "250,000 members of groups against pydantic: memory, time, garbage collection",
    "journal": "100 callers who make messages last, against a file of lines and aiosqlite",
    "pace": "200 messages a second made to last, against a bare fdatasync",
    "upload": "uploads to post_api, in order in each of 100 chats, against POSTs in no order",
    "incoming": "how long a message takes from WeChat to post_api, above a bare loop",
    "burst": "10,000 messages of 200 chats at once, against what the client could do",
    "sends": "texts of 16 callers, against a bare aiohttp client",
    "idle": "100 idle accounts over TLS: CPU and memory",
    "chatter": "100 accounts with a message a second each: losses and latency",
    "start": "how long a start takes, against the import of aiohttp",
    "media": "1 GiB of files in and out: memory",
    "uvloop": "what uvloop gains, where it is installed",
    "growth": "100,000 messages: does the process grow?",
}
"""Every row, and what it measures. The module beside this one with the row's name has its ``run``."""


def row(name: str) -> Row:
    run: Row = importlib.import_module(f"benchmarks.rows.{name}").run
    return run
