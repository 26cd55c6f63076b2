"""Row ``groups``: how long get_group_info of 200 groups × 300 members blocks the event loop, against ``json.dumps``."""

from benchmarks.figures import Figure
from benchmarks.listing import blocking
from benchmarks.rows import Scale
from openwx.simulator import Account, Person

GROUPS, MEMBERS = 200, 300


async def run(scale: Scale) -> list[Figure]:
    return await blocking(
        "get_group_info", "200 groups × 300", scale, target=0.1, populate=_populate
    )


def _populate(account: Account) -> None:
    for group in range(GROUPS):
        names: list[Person | str] = [f"成员{group}-{number}" for number in range(MEMBERS - 1)]
        account.add_group(f"第{group}群", names)
    account.timeline.clear()
