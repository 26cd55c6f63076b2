"""The simulated service serves https with a certificate."""

import ssl

import aiohttp
import pytest
import trustme

from openwx.simulator import Simulator


async def test_https_instead_of_http() -> None:
    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with Simulator(tls=serving) as simulator, aiohttp.ClientSession() as http:
        assert simulator.url.startswith("https://")
        async with http.get(f"{simulator.url}/jslogin", ssl=trusting) as answer:
            assert "window.QRLogin.code" in await answer.text()
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await http.get(f"{simulator.url}/jslogin")
