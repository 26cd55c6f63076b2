"""Many accounts in one gateway."""

import json

from openwx.simulator import Simulator


def accounts(simulator: Simulator, count: int) -> dict[str, str]:
    """The settings that name so many accounts; the simulator gets those that it lacks."""
    while len(simulator.accounts) < count:
        simulator.add_account()
    named = {
        f"account{number:03}": {"base_url": simulator.url, "send_interval": 0}
        for number in range(count)
    }
    return {"ACCOUNTS": json.dumps(named)}
