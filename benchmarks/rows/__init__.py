"""The rows of the benchmark table: one module each, whose ``run`` measures and returns figures."""

import importlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from benchmarks.figures import Figure


@dataclass(frozen=True, slots=True)
class Scale:
    """The length of a measurement. ``quick`` checks that a row works, and gives rough figures."""

    quick: bool

    def of(self, full: int, quick: int) -> int:
        return quick if self.quick else full


Row = Callable[[Scale], Coroutine[Any, Any, list[Figure]]]

ROWS = {
    "routes": "get_user_info and routes without parameters against a bare aiohttp handler",
    "friends": "get_friend_info of 5,000 friends: how long it blocks the event loop",
    "groups": "get_group_info of 200 groups with 300 members: the same, and the latency of other requests",
    "search": "search_friend over 10,000 friends against a generator scan",
    "members": "250,000 members of groups against pydantic: memory, time, garbage collection",
    "journal": "messages written durably by 100 callers, against a file of lines and aiosqlite",
    "postgres": "messages written durably by 100 callers to PostgreSQL, against SQLite",
    "hop": "a call that another node forwards, against a direct one",
    "takeover": "a node is killed or stopped: the time until others run its accounts",
    "thousand": "what an account and a message take of one node and its PostgreSQL",
    "pace": "200 messages a second written durably, against a bare fdatasync",
    "reports": "reports to post_api, in order in each of 100 chats, against POSTs in no order",
    "incoming": "the latency of a message from WeChat to post_api, above a bare loop",
    "burst": "10,000 messages of 200 chats at once, against POSTs of a bare aiohttp client",
    "sends": "texts of 16 callers, against a bare aiohttp client",
    "idle": "100 idle accounts over TLS, by web and by iLink: CPU and memory",
    "chatter": "100 accounts, by web and by iLink, with a message a second each: lost reports and latency",
    "start": "the time to start, against the import of aiohttp",
    "media": "1 GiB of files received and sent: memory",
    "uvloop": "the gain of uvloop, if it is installed",
    "growth": "100,000 messages: growth of memory and open files",
}
"""Each row, and what it measures. ``benchmarks.rows.NAME`` has its ``run``."""


def row(name: str) -> Row:
    run: Row = importlib.import_module(f"benchmarks.rows.{name}").run
    return run
