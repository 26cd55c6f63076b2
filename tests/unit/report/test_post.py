"""What is said of a backend that is not there."""

import aiohttp
import pytest
from aiohttp.test_utils import unused_port

from openwx.report.outcome import words


async def refusal(url: str) -> str:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientError) as caught:
            await http.post(url)
    return words(caught.value)


async def test_nobody_there_is_told_in_plain_words() -> None:
    port = unused_port()
    told = await refusal(f"http://127.0.0.1:{port}/hook?token=s3cr3t")
    assert told == f"cannot connect to 127.0.0.1:{port}: connection refused"


async def test_a_name_that_nobody_has() -> None:
    told = await refusal("http://nobody.invalid:8000/hook?token=s3cr3t")
    assert told == "cannot connect to nobody.invalid:8000: its name is not known (DNS)"
