"""search_friend over 10,000 friends against a generator that looks at everybody."""

import time

from benchmarks import machine
from benchmarks.figures import Figure
from benchmarks.people import contacts_of, friend_records
from benchmarks.rounds import high, middle
from benchmarks.rows import Scale
from openwx.wechat.contacts import Contacts
from openwx.wechat.model import Friend

SEARCHES = (
    {"displayname": "friend 7777"},
    {"sex": "male", "city": "city 3"},
    {"category": "好友", "province": "province 1", "name": "friend 9001"},
    {"uid": "4711"},
)


async def run(scale: Scale) -> list[Figure]:
    machine.pin(machine.cores()[0])
    contacts = contacts_of(friend_records(10_000))
    ratios: dict[str, list[float]] = {}
    took: dict[str, list[float]] = {}
    for _ in range(scale.of(60, 10)):
        for search in SEARCHES:
            ours, theirs = _timed(contacts, search)
            name = " + ".join(search)
            ratios.setdefault(name, []).append(ours / theirs)
            took.setdefault(name, []).append(ours * 1e3)
    worst = max(ratios, key=lambda name: middle(ratios[name]))
    return [
        Figure(
            what="search_friend over 10,000 ÷ a generator scan",
            value=middle(ratios[worst]),
            target=0.15,
            at_least=False,
            worst=high(ratios[worst]),
            by_cpu=middle(ratios[worst]),
            detail={
                **{f"by {name}": middle(values) for name, values in ratios.items()},
                **{f"by {name} ms": middle(values) for name, values in took.items()},
            },
        )
    ]


def _timed(contacts: Contacts, search: dict[str, str]) -> tuple[float, float]:
    """CPU seconds of both, which must find the same."""
    began = time.thread_time()
    found = contacts.search_friends(**search)
    between = time.thread_time()
    scanned = _scanned(contacts, search)
    ended = time.thread_time()
    assert found == scanned
    assert found
    return between - began, ended - between


def _scanned(contacts: Contacts, search: dict[str, str]) -> list[Friend]:
    wanted = {name: int(value) if name == "uid" else value for name, value in search.items()}
    friends = contacts.friends.values()
    return [
        friend
        for friend in friends
        if all(getattr(friend, name) == value for name, value in wanted.items())
    ]
