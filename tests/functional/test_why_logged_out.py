"""Why WeChat ended a session is to be read until the account runs again, whatever it waits for meanwhile."""

import pytest

from openwx.simulator import Account

from .world import Gateway, World

CAUSES = {
    1100: "logged out on the phone or elsewhere (1100)",
    1101: "logged in on another web client (1101)",
    1102: "the cookies are no longer valid (1102)",
}


async def says(gateway: Gateway, state: str, cause: str) -> None:
    """Each answer with the state has its cause, too, once."""
    client = await gateway.reaches(state)
    info = (await gateway.get("get_client_info")).json
    refused = (await gateway.get("get_user_info")).json
    for found in (client, info, refused):
        assert found["state"] == state
        assert found["state_reason"].count(cause) == 1, found
    assert cause in refused["status"]


@pytest.mark.parametrize("ret", CAUSES)
async def test_it_is_said_in_every_state_until_it_runs(
    api: Gateway, account: Account, ret: int
) -> None:
    account.allows_push_login = False
    account.end_session(ret)
    await says(api, "scaning", CAUSES[ret])
    client = await api.client()
    assert "QR code" in client["state_reason"], "what it waits for is said as well"
    code = await account.phone.scan()
    await says(api, "confirming", CAUSES[ret])
    account.phone.cancel()
    await says(api, "scaning", CAUSES[ret])
    again = await account.phone.scan()
    assert again.uuid != code.uuid
    await says(api, "confirming", CAUSES[ret])
    account.phone.confirm()
    client = await api.reaches("running")
    assert CAUSES[ret] not in client["state_reason"]
    assert "session" not in (await api.get("get_client_info")).json["state_reason"]


async def test_the_newest_cause_counts(api: Gateway, account: Account) -> None:
    account.allows_push_login = True
    account.end_session(1101)
    await account.phone.sees_push_login()
    await says(api, "confirming", CAUSES[1101])
    account.phone.confirm()
    await account.comes_online()
    await api.reaches("running")
    account.allows_push_login = False
    account.end_session(1102)
    await says(api, "scaning", CAUSES[1102])
    assert CAUSES[1101] not in (await api.client())["state_reason"]


async def test_a_session_that_ended_while_nobody_looked(
    api: Gateway, world: World, account: Account
) -> None:
    await api.stop()
    account.allows_push_login = False
    account.end_session(1101)
    await says(await world.start(), "scaning", CAUSES[1101])


async def test_a_first_login_has_no_cause(gateway: Gateway) -> None:
    client = await gateway.reaches("scaning")
    assert client["state_reason"] == "waiting for the QR code to be scanned"
