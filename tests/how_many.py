"""How often tests do what is drawn or killed at random: each time in other ways, and more often in CI."""

import os


def how_many(here: int, in_ci: int) -> int:
    """Return a number of rounds. ``here``: few, and enough to fail; ``in_ci``: where ``CI`` is set."""
    return in_ci if "CI" in os.environ else here
