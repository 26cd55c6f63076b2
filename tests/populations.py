"""How many friends and groups there are: those of most tests, many, and few."""

from collections.abc import Mapping

USUAL: Mapping[str, int] = {"friends": 14, "groups": 6, "biggest_group": 12, "group_members": 8}
LARGE: Mapping[str, int] = {**USUAL, "biggest_group": 120}
"""One group is larger than what a page or a line shows."""
FEW: Mapping[str, int] = {"friends": 3, "groups": 1, "biggest_group": 4, "group_members": 3}
