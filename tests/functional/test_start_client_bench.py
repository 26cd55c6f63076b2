"""``start_client`` on a test bench: nobody comes to the real WeChat because a caller left ``base_url`` out."""

import pytest

from openwx.config import AccountSettings
from openwx.config.given import on_the_bench
from openwx.errors import ConfigError
from tests.patience import PATIENCE_S

from .world import World

BENCH, OTHER = "http://127.0.0.1:8900", "http://127.0.0.1:8901"


async def logins(world: World, n: int) -> None:
    """Wait until accounts have asked the simulator for a QR code so often."""
    await world.simulator.gets_call("jslogin", n, PATIENCE_S)


async def test_it_is_where_the_configured_accounts_are(world: World) -> None:
    gateway = await world.start()
    await logins(world, 1)
    assert (await gateway.get("start_client", client="second")).code == 0
    assert (await gateway.get("start_client", client="third", post_event="2")).code == 0
    await logins(world, 3)
    await gateway.stop()
    # What is kept is what the caller said: after a restart, too, it is where the configured ones are.
    await world.start()
    await logins(world, 6)


@pytest.mark.parametrize(
    ("configured", "given", "wanted"),
    [
        ([BENCH], None, BENCH),
        ([BENCH, BENCH], None, BENCH),
        ([BENCH], OTHER, OTHER),
        ([BENCH, OTHER], OTHER, OTHER),
        ([BENCH, None], None, None),
        ([None], None, None),
        ([None], BENCH, BENCH),
    ],
)
def test_which_it_inherits(
    configured: list[str | None], given: str | None, wanted: str | None
) -> None:
    accounts = {f"a{n}": AccountSettings(base_url=url) for n, url in enumerate(configured)}
    assert on_the_bench(AccountSettings(base_url=given), accounts).base_url == wanted


def test_it_does_not_choose_between_two() -> None:
    accounts = {"a": AccountSettings(base_url=BENCH), "b": AccountSettings(base_url=OTHER)}
    with pytest.raises(ConfigError, match="base_url is missing"):
        on_the_bench(AccountSettings(), accounts)
