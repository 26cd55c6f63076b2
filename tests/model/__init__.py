"""The model of a cluster: what ``spin`` finds in all orders in which things may happen. ``python -m tests.model``."""
