"""Listening with a certificate, beside a plain address."""

import asyncio
import contextlib
import ssl
import warnings
from pathlib import Path

import aiohttp
import pytest
import trustme

from openwx import service
from openwx.api import handshake
from openwx.config import AccessSettings, Listen
from openwx.errors import ConfigError
from tests.patience import PATIENCE_S

from .world import World


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def listen(authority: trustme.CA, tmp_path: Path) -> Listen:
    """Return an https address whose certificate the authority issued."""
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


async def test_who_never_shakes_hands_makes_room(
    world: World, authority: trustme.CA, listen: Listen
) -> None:
    access = AccessSettings(max_connections=10, token="s3cret-enough-token")
    settings = world.settings().model_copy(update={"listen": [listen], "access": access})
    gateway = await world.start(settings=settings)
    host, port = gateway.url.removeprefix("https://").split(":")
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    silent = [await asyncio.open_connection(host, port) for _ in range(25)]
    for _ in range(5):
        silent.append(await asyncio.open_connection(host, port))
        async with world.http.get(
            f"{gateway.url}/openwx/check_client",
            ssl=trusting,
            headers={"Authorization": "Bearer s3cret-enough-token", "Connection": "close"},
        ) as answer:
            assert answer.status == 200
    async with asyncio.timeout(PATIENCE_S):
        assert await silent[0][0].read() == b""
    for _, writer in silent:
        writer.close()


async def test_a_handshake_has_not_long(
    world: World, authority: trustme.CA, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handshake, "HANDSHAKE_S", 0.2)
    settings = world.settings().model_copy(update={"listen": [listen]})
    gateway = await world.start(settings=settings)
    host, port = gateway.url.removeprefix("https://").split(":")
    for said in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00"):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(said)
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(ConnectionError):
                await reader.read()
        writer.close()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with world.http.get(f"{gateway.url}/docs/swagger-ui-bundle.js", ssl=trusting) as answer:
        assert answer.status == 200
        assert len(await answer.read()) == int(answer.headers["Content-Length"])


async def test_what_comes_with_the_end_of_the_handshake_is_read(
    world: World, authority: trustme.CA, listen: Listen
) -> None:
    """Of TLS 1.3 the first request may arrive together with the last words of the handshake."""
    settings = world.settings().model_copy(update={"listen": [listen]})
    gateway = await world.start(settings=settings)
    host, port = gateway.url.removeprefix("https://").split(":")
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trusting.wrap_bio(coming, going, server_hostname="localhost")
    reader, writer = await asyncio.open_connection(host, port)
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            writer.write(going.read())
            coming.write(await reader.read(65536))
    tls.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    writer.write(going.read())  # the end of the handshake, and the request
    answer = b""
    async with asyncio.timeout(PATIENCE_S):
        while b"alive" not in answer:
            coming.write(await reader.read(65536))
            with contextlib.suppress(ssl.SSLWantReadError):
                answer += tls.read(65536)
    assert b" 200 " in answer
    writer.close()
