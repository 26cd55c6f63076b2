"""A whole WeChat to test a bot against: the simulator, and a gateway that is logged in to it.

``pip install '.[testing]'`` in the project's folder brings it to pytest as fixtures (``openwx/pytest_plugin.py``). What
is here can be used without pytest, too.
"""

from openwx.testing.gateway import PACE, Gateway
from openwx.testing.remote import Remote
from openwx.testing.thread import LoopThread
from openwx.testing.world import ALL_EVENTS, World

__all__ = ["ALL_EVENTS", "PACE", "Gateway", "LoopThread", "Remote", "World"]
