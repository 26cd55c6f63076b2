"""``openwx`` with the delays of tests, among them a short one before a stop gives up, and a demo in a hurry.
Tests start it as ``program`` where the usual delays are not what they are about."""

from msgspec.structs import replace

from openwx import service
from openwx.cli import demo, demo_stories

from .world import PACE

PROGRAM = "tests.functional.quick"


def hurry() -> None:
    """Shorten the delays of this process."""
    pace = replace(PACE, finish_s=0.3)
    vars(service)["Timing"] = lambda: pace
    demo.SCAN_DELAY_S = 1.0
    demo_stories.THINK_S = 0.1


if __name__ == "__main__":
    hurry()
    from openwx.cli.main import main

    raise SystemExit(main())
