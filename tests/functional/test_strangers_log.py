"""Callers without the token cannot fill the log."""

from collections.abc import Awaitable, Callable

import aiohttp

from .world import Command

DISPOSITIONS = [
    "form-data; name=\"x\"; filename*=flood''%41; filename*=flood''%42",
    'form-data; name="x"; filename*=flood',
    "form-data; name=\"x\"; filename*=flood''%ff",
    'form-data; name="x"; flood@=1',
    'form-data; name="x"; filename*0=flo"od',
    "form-data; flood",
    "flood@; name=x",
]
COOKIES = ["flood flood=1; a=b", "{flood}=1", "flood=;;=;flood", 'flood="\\101', "[flood]=1"]


async def test_callers_without_the_token(openwx: Callable[..., Awaitable[Command]]) -> None:
    command = await openwx(
        "serve",
        OPENWX_LISTEN__PORT="0",
        OPENWX_ACCESS__TOKEN="a-token-of-twenty-and-more",
        OPENWX_ACCOUNTS__DEFAULT__BASE_URL="http://127.0.0.1:9",
    )
    url = await command.url()
    async with aiohttp.ClientSession() as session:
        for disposition in DISPOSITIONS:
            part = f"--b\r\nContent-Disposition: {disposition}\r\n\r\n1\r\n--b--\r\n"
            label = {"Content-Type": "multipart/form-data; boundary=b"}
            address = f"{url}/openwx/send_friend_message"
            async with session.post(address, data=part, headers=label) as answer:
                assert answer.status == 401
        for cookie in COOKIES:
            label = {"Cookie": cookie}
            async with session.get(f"{url}/console/login", headers=label) as answer:
                assert answer.status == 200
    command.process.terminate()
    _, _, err = await command.ends()
    assert "flood" not in err
    assert "Warning" not in err
