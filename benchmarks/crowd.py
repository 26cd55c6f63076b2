"""Settings for many accounts in one gateway, used by the rows ``idle`` and ``chatter``."""

import json

from openwx.simulator import Simulator


def accounts(simulator: Simulator, count: int) -> dict[str, str]:
    """Return settings with ``count`` accounts, and add those that the simulator lacks."""
    while len(simulator.accounts) < count:
        simulator.add_account()
    named = {
        f"account{number:03}": {"base_url": simulator.url, "send_interval": 0}
        for number in range(count)
    }
    return {"ACCOUNTS": json.dumps(named)}
