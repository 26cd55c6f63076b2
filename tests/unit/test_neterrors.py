"""Network errors in words."""

import aiohttp
import pytest
from aiohttp import RequestInfo
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from openwx.neterrors import describe
from tests.ports import free_port


async def refusal(url: str) -> str:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientError) as caught:
            await http.post(url)
    return describe(caught.value)


async def test_a_refused_connection() -> None:
    port = free_port()
    words = await refusal(f"http://127.0.0.1:{port}/hook?token=s3cr3t")
    assert words == f"cannot connect to 127.0.0.1:{port}: connection refused"


async def test_an_unknown_name() -> None:
    words = await refusal("http://nobody.invalid:8000/hook?token=s3cr3t")
    assert words == "cannot connect to nobody.invalid:8000: its name is not known (DNS)"


HEADERS = CIMultiDictProxy(CIMultiDict[str]())
SECRET_URL = "http://user:s3cr3t@127.0.0.1/hook?token=s3cr3t"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            aiohttp.ClientOSError(None, f"Can not write request body for {SECRET_URL}"),
            "the connection broke",
        ),
        (
            aiohttp.ClientOSError(104, f"Can not write request body for {SECRET_URL}"),
            "the connection broke: connection reset by peer",
        ),
        (
            aiohttp.ConnectionTimeoutError(f"Connection timeout to host {SECRET_URL}"),
            "cannot connect in time",
        ),
        (aiohttp.NonHttpUrlRedirectClientError(SECRET_URL), "NonHttpUrlRedirectClientError"),
        (aiohttp.InvalidUrlRedirectClientError(SECRET_URL), "InvalidUrlRedirectClientError"),
        (
            aiohttp.TooManyRedirects(RequestInfo(URL(SECRET_URL), "GET", HEADERS), ()),
            "too many redirects",
        ),
        (
            aiohttp.ClientPayloadError(SECRET_URL),
            "the connection was closed in the middle of the answer",
        ),
        (aiohttp.ServerTimeoutError(SECRET_URL), "no answer in time"),
        (ConnectionResetError(104, SECRET_URL), "connection reset by peer"),
        (UnicodeError(SECRET_URL), "UnicodeError"),
    ],
)
def test_no_words_repeat_the_address(error: Exception, said: str) -> None:
    assert describe(error) == said
