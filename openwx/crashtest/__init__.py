"""``openwx crash-test``: a gateway that is killed at any moment, held against what others recorded of it.

The gateway, a simulated WeChat and a ``post_api`` run as processes of their own; friends write, callers
send, and the gateway is killed again and again. What the simulated WeChat and ``post_api`` recorded
outlives every kill, and is all that the verdict is based on.
"""

from .run import Plan, main

__all__ = ["Plan", "main"]
