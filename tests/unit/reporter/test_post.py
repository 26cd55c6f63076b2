"""What is said of a backend that is not there."""

import aiohttp
import pytest
from aiohttp.test_utils import unused_port

from openwx.reporter.outcome import words


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


SECRET_URL = "http://user:s3cr3t@127.0.0.1/hook?token=s3cr3t"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            aiohttp.ClientOSError(None, f"Can not write request body for {SECRET_URL}"),
            "the connection broke while it was sent to",
        ),
        (
            aiohttp.ClientOSError(104, f"Can not write request body for {SECRET_URL}"),
            "the connection broke: connection reset by peer",
        ),
        (
            aiohttp.ConnectionTimeoutError(f"Connection timeout to host {SECRET_URL}"),
            "ConnectionTimeoutError",
        ),
        (aiohttp.NonHttpUrlRedirectClientError(SECRET_URL), "NonHttpUrlRedirectClientError"),
        (aiohttp.InvalidUrlRedirectClientError(SECRET_URL), "InvalidUrlRedirectClientError"),
    ],
)
def test_no_words_repeat_the_address(error: Exception, said: str) -> None:
    assert words(error) == said
