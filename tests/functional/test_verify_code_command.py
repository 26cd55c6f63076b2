"""``openwx verify-code``."""

import pytest

from openwx.config import AccessSettings, AccountSettings
from tests.memory import MemoryTransports
from tests.memory_wechat import MemoryAccount
from tests.patience import PATIENCE_S, until_seen
from tests.ports import free_port

from .typed import Ended, Typed
from .world import Gateway, Start, World

pytestmark = pytest.mark.in_memory
TOKEN = "a-long-secret-token"


async def wants_digits(gateway: Gateway, n: int = 1) -> None:
    """Wait until so many accounts want digits."""

    async def wanting() -> int:
        clients = (await gateway.get("check_client", token=TOKEN)).json["client"]
        return sum(one["reason_code"] == "need_verify_code" for one in clients)

    await until_seen(wanting, n.__le__)


async def hands_in(typed: Typed, *arguments: str) -> Ended:
    return await typed("verify-code", *arguments, OPENWX_ACCESS__TOKEN=TOKEN)


async def test_the_digits_are_handed_in(typed: Typed, world: World, account: MemoryAccount) -> None:
    account.wanted_code = "012345"
    settings = world.settings().model_copy(update={"access": AccessSettings(token=TOKEN)})
    gateway = await world.start(settings=settings)
    await wants_digits(gateway)
    assert await hands_in(typed, "999999") == (
        1, "", "openwx: these digits are wrong; look at the phone again\n",
    )  # fmt: skip
    assert await hands_in(typed, "012345") == (
        0, "the digits are right: the login goes on\n", "",
    )  # fmt: skip
    assert await hands_in(typed, "012345") == (
        1, "", "openwx: no verify code is wanted now\n",
    )  # fmt: skip


@pytest.mark.parametrize("digits", ["123", "123456789", "12345x", "１２３４", ""])
async def test_what_is_no_code_is_not_sent(typed: Typed, digits: str) -> None:
    code, out, err = await hands_in(typed, digits)
    assert (code, out) == (2, "")
    assert "must be 4 to 8 digits" in err


async def test_no_gateway_runs(openwx: Start, world: World) -> None:
    """In a process of its own, as a person starts it."""
    own = {"OPENWX_DATA_DIR": str(world.data_dir), "OPENWX_LISTEN__PORT": str(free_port())}
    command = await openwx("verify-code", "123456", **own)
    code, out, err = await command.ends(PATIENCE_S)
    assert (code, out) == (2, "")
    assert err == f"openwx: no openwx runs with data_dir {world.data_dir}\n"


async def test_several_accounts(typed: Typed, world: World, peer: MemoryTransports) -> None:
    for name, digits in (("home", "1111"), ("shop", "2222")):
        peer.account(name).wanted_code = digits
    settings = world.settings().model_copy(
        update={
            "accounts": dict.fromkeys(("home", "shop"), AccountSettings()),
            "access": AccessSettings(token=TOKEN),
        }
    )
    gateway = await world.start(settings=settings)
    await wants_digits(gateway, 2)
    code, _, err = await hands_in(typed, "2222")
    assert code == 2
    assert err == "openwx: --client is missing: several want digits: home, shop\n"
    assert (await hands_in(typed, "2222", "--client", "shop"))[0] == 0
    assert (await hands_in(typed, "1111"))[0] == 0, "one is left that wants digits"
