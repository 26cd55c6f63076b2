"""A test environment for bots: a simulated WeChat and gateways that are logged in to it.
Tests of bots and the fixtures of pytest use it.

The pytest fixtures of ``openwx/pytest_plugin.py`` are built on it (``pip install '.[testing]'``). It also works without
pytest.
"""

from openwx.testing.gateway import PACE, Gateway
from openwx.testing.remote import Remote
from openwx.testing.thread import LoopThread
from openwx.testing.world import ALL_EVENTS, World

__all__ = ["ALL_EVENTS", "PACE", "Gateway", "LoopThread", "Remote", "World"]
