"""get_friend_info: how long 5,000 friends keep the event loop, against the standard library's json."""

from benchmarks.figures import Figure
from benchmarks.listing import blocking
from benchmarks.rows import Scale
from openwx.simulator import Account

FRIENDS = 5_000


async def run(scale: Scale) -> list[Figure]:
    return await blocking(
        "get_friend_info", "5,000 friends", scale, target=0.15, populate=_populate
    )


def _populate(account: Account) -> None:
    for number in range(FRIENDS - len(account.friends)):
        account.add_friend(f"朋友{number}", alias=f"wx{number}", signature="天道酬勤")
    account.timeline.clear()
