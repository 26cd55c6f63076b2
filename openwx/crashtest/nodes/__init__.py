"""``openwx crash-test --nodes N``: several nodes on one PostgreSQL, of which some are killed, paused or cut off.

Nodes reach PostgreSQL through wires that can be cut, and WeChat through proxies that note each call; PostgreSQL notes
each claim. So the verdict also knows which node called WeChat in which term.
"""

from .faults import Chosen
from .run import TRACEBACKS, NodesPlan, main, run

__all__ = ["TRACEBACKS", "Chosen", "NodesPlan", "main", "run"]
