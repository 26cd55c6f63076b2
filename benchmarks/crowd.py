"""Settings for many accounts in one gateway, used by the rows ``idle`` and ``chatter``."""

import json

from openwx.simulator import Simulator

TRANSPORTS = {"web": "", "ilink": " by iLink"}
"""Each transport that the rows measure, and the words that name it in a figure."""


def accounts(simulator: Simulator, count: int, transport: str = "web") -> dict[str, str]:
    """Return settings with ``count`` accounts, and add those that the simulator lacks."""
    while len(simulator.accounts) < count:
        simulator.add_account()
    named = {
        f"account{number:03}": {
            "base_url": simulator.url,
            "send_interval": 0,
            "transport": transport,
        }
        for number in range(count)
    }
    return {"ACCOUNTS": json.dumps(named)}
