"""Listening with a certificate of one's own, beside a plain address."""

import ssl
import warnings
from pathlib import Path

import aiohttp
import pytest
import trustme

from openwx import service
from openwx.config import Listen
from openwx.errors import ConfigError

from .world import World


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def listen(authority: trustme.CA, tmp_path: Path) -> Listen:
    """An https address with a certificate that the authority vouches for."""
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.private_key_pem.write_to_path(key)
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(cert, append=True)
    return Listen(port=0, tls_cert=cert, tls_key=key)


async def test_https_and_http_side_by_side(
    world: World, authority: trustme.CA, listen: Listen
) -> None:
    settings = world.settings().model_copy(update={"listen": [listen, Listen(port=0)]})
    gateway = await world.start(settings=settings)
    assert gateway.service is not None
    secure, plain = gateway.service.urls
    assert secure.startswith("https://")
    assert plain.startswith("http://")
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    for url, context in ((secure, trusting), (plain, True)):
        async with world.http.get(f"{url}/openwx/get_client_info", ssl=context) as answer:
            assert (answer.status, (await answer.json())["code"]) == (200, 0)
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await world.http.get(f"{secure}/openwx/get_client_info")


async def test_no_tls_of_yesterday(world: World, authority: trustme.CA, listen: Listen) -> None:
    settings = world.settings().model_copy(update={"listen": [listen]})
    gateway = await world.start(settings=settings)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(old)
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(aiohttp.ClientConnectorError):
        await world.http.get(f"{gateway.url}/openwx/get_client_info", ssl=old)


async def test_a_certificate_that_is_none(world: World, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    settings = world.settings().model_copy(
        update={"listen": [Listen(port=0, tls_cert=bad, tls_key=bad)]}
    )
    with pytest.raises(ConfigError, match="tls_cert"):
        async with service.running(settings):
            pass
