"""``openwx crash-test --nodes N``: several nodes on one PostgreSQL, of which some are killed, paused or cut off.

Nodes reach PostgreSQL through wires that can be cut, and WeChat through proxies that note each call; PostgreSQL notes
each claim. So the verdict also knows which node called WeChat in which term.
"""

from .run import NodesPlan, main

__all__ = ["NodesPlan", "main"]
