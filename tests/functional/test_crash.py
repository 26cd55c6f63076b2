"""Nothing is lost, nothing is done twice, nothing is out of order: killed at random moments.

The program is the user's own, ``openwx crash-test``, which can be run for longer and with a seed again.
"""

from collections.abc import Awaitable, Callable

from tests import postgres
from tests.how_many import how_many

from .world import Command

Openwx = Callable[..., Awaitable[Command]]

KILLS = how_many(6, in_ci=9)
"""In CI two rounds of all that it may be doing when the end comes; elsewhere one and a half. And a SIGTERM."""
FAULTS = how_many(2, in_ci=4)
ILINK_KILLS = 5
"""One round of all that it may be doing, each way in which messages come twice, and two rounds with a small budget."""


async def test_what_was_promised_outlives_every_kill(openwx: Openwx) -> None:
    command = await openwx("crash-test", "--kills", str(KILLS))
    code, output, err = await command.ends(timeout_s=300)
    print(output)
    assert code == 0, output + err
    assert "Nothing was lost" in output
    assert output.count("SIGKILL") == KILLS
    assert "SIGTERM" in output


async def test_it_does_so_by_ilink(openwx: Openwx) -> None:
    """Messages come twice, answers are lost, tokens get stale, and people must write before they are sent more."""
    command = await openwx("crash-test", "--transport", "ilink", "--kills", str(ILINK_KILLS))
    code, output, err = await command.ends(timeout_s=300)
    print(output)
    assert code == 0, output + err
    assert "Nothing was lost" in output
    assert output.count("SIGKILL") == ILINK_KILLS
    assert output.count("repeats no_id") == 1


async def test_nodes_lose_nothing_either(openwx: Openwx) -> None:
    """Three nodes on one PostgreSQL, of which some are killed, paused or cut off."""
    with postgres.for_test():  # skips where there is no PostgreSQL
        command = await openwx("crash-test", "--nodes", "3", "--faults", str(FAULTS))
        code, output, err = await command.ends(timeout_s=400)
    print(output)
    assert code == 0, output + err
    assert "no account had two owners" in output


async def test_a_wrong_number_is_explained(openwx: Openwx) -> None:
    code, _, err = await (await openwx("crash-test", "--kills", "many")).ends()
    assert code == 2
    assert "--kills: must be a whole number from 0 to 100000, not 'many'" in err
