"""``openwx crash-test``: kills a gateway at random moments, and compares the records of others with its promises.

The gateway, a simulated WeChat and a ``post_api`` run in processes of their own; friends write, callers send, and the
gateway is killed again and again. The records of the simulated WeChat and of ``post_api`` survive every kill, and are
the only base of the verdict.
"""

from .run import TRANSPORTS, Plan, main

__all__ = ["TRANSPORTS", "Plan", "main"]
