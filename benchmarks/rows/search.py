"""Row ``search``: search_friend over 10,000 friends, against a generator that compares every friend."""

import time

from benchmarks import machine
from benchmarks.figures import Figure
from benchmarks.people import contacts_of, friend_records
from benchmarks.rounds import high, middle
from benchmarks.rows import Scale
from openwx.domain.contacts import Friend
from openwx.transports.web.contacts import WebContacts

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
    for number in range(scale.of(100, 20)):
        for search in SEARCHES:
            ours, theirs = _timed(contacts, search, first=number % 2 == 0)
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


def _timed(contacts: WebContacts, search: dict[str, str], *, first: bool) -> tuple[float, float]:
    """Measure the CPU seconds of both, and check that they find the same friends.

    ``first``: openwx searches first, when the friends are not in the processor's caches.
    """

    def ours() -> list[Friend]:
        return contacts.search_friends(**search)

    def theirs() -> list[Friend]:
        return _scanned(contacts, search)

    one, other = (ours, theirs) if first else (theirs, ours)
    began = time.thread_time()
    found = one()
    between = time.thread_time()
    assert other() == found
    ended = time.thread_time()
    assert found
    took = between - began, ended - between
    return took if first else (took[1], took[0])


def _scanned(contacts: WebContacts, search: dict[str, str]) -> list[Friend]:
    wanted = {name: int(value) if name == "uid" else value for name, value in search.items()}
    friends = contacts.friends.values()
    return [
        friend
        for friend in friends
        if all(getattr(friend, name) == value for name, value in wanted.items())
    ]
