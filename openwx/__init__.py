"""openwx: a self-hosted HTTP gateway for a personal WeChat account."""

__version__ = "0.1.0"
