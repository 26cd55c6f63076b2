"""Nothing is lost, nothing is done twice, nothing is out of order: killed at random moments.

The program is the user's own, ``openwx crash-test``, which can be run for longer and with a seed again.
"""

import asyncio
import sys

KILLS = 9
"""Two rounds of all that it may be doing when the end comes, and a SIGTERM."""


async def openwx(*arguments: str) -> tuple[int, str]:
    """A command in a process of its own: its exit code, and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "openwx", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(300):
        output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_what_was_promised_outlives_every_kill() -> None:
    code, output = await openwx("crash-test", "--kills", str(KILLS))
    print(output)
    assert code == 0, output
    assert "Nothing was lost" in output
    assert output.count("SIGKILL") == KILLS
    assert "SIGTERM" in output


async def test_it_is_told_what_a_wrong_number_should_be() -> None:
    code, output = await openwx("crash-test", "--kills", "many")
    assert code == 2
    assert "--kills: must be a whole number from 0 to 100000, not 'many'" in output
