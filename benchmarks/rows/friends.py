"""Row ``friends``: how long get_friend_info of 5,000 friends blocks the event loop, against ``json.dumps``."""

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
