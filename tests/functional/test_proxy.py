"""Accounts behind a proxy: everything passes through it, and what fails there is told from what fails at WeChat."""

import asyncio
import logging
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from openwx.config import AccessSettings, Settings
from openwx.config.proxies import read_environment
from openwx.simulator import Account, ClawBot, Simulator
from openwx.simulator.media import PNG
from openwx.simulator.scenario import PersonActor
from tests.patience import until, until_seen
from tests.populations import FEW
from tests.proxies import (
    PASSWORD,
    SHOWN_PASSWORD,
    USER,
    HttpProxy,
    SmallProxy,
    SocksProxy,
    listening,
)

from .world import Api, Gateway, Receiver, Start, World

POPULATION = FEW
KINDS = [HttpProxy, SocksProxy]
NAME = "wechat.example"
"""Where WeChat is, for the proxy alone: no name server knows it."""
QUICK = {"call_timeout_s": 1.0, "poll_timeout_s": 1.0, "stalled_after_s": 1.0}
SECRETS = (PASSWORD, SHOWN_PASSWORD, "s3cr3t")


@pytest.fixture(params=KINDS)
async def proxy(request: pytest.FixtureRequest, simulator: Simulator) -> AsyncIterator[SmallProxy]:
    port = int(simulator.url.rpartition(":")[2])
    async with listening(request.param(names={NAME: port})) as proxy:
        yield proxy


@pytest.fixture
def through(world: World, proxy: SmallProxy) -> Callable[..., Awaitable[Gateway]]:
    """Return a function that starts a gateway to which WeChat is behind the proxy."""

    async def start(**account: Any) -> Gateway:
        settings = {"base_url": f"http://{NAME}", "proxy": proxy.url}
        return await world.start(**settings | account)

    return start


async def has_reason(gateway: Api, code: str, *words: str) -> str:
    """Wait for the reason of the only account, and return its text."""
    text = str((await gateway.has_reason(code))["state_reason"])
    assert all(one in text for one in words), text
    return text


# -- everything passes -----------------------------------------------------------------------------------


async def all_passes(
    gateway: Gateway, person: PersonActor | ClawBot, receiver: Receiver, file: Path, **to: str
) -> None:
    """Check that a text and a picture arrive either way."""
    person.says("hello")
    assert (await receiver.get(post_type="receive_message"))["content"] == "hello"
    person.sends_image(PNG)
    picture = await receiver.get(format="media", post_type="receive_message")
    assert Path(picture["media_path"]).read_bytes() == PNG
    assert (await gateway.get("send_friend_message", content="hi", **to)).code == 0
    file.write_bytes(PNG)
    assert (await gateway.get("send_friend_message", media_path=str(file), **to)).code == 0


async def test_web_wechat(
    through: Callable[..., Awaitable[Gateway]],
    proxy: SmallProxy,
    account: Account,
    receiver: Receiver,
    tmp_path: Path,
) -> None:
    """Login, contacts, polls, sends, uploads, downloads and pictures; nothing of it knows another way."""
    gateway = await through()
    await account.phone.logs_in()
    await gateway.reaches("running")
    friend = account.friend("小灰")
    await all_passes(gateway, friend, receiver, tmp_path / "a.png", displayname="小灰")
    assert len(await friend.hears(2)) == 2
    assert (await gateway.get("get_avatar", displayname="小灰")).body.startswith(b"\x89PNG")
    assert set(proxy.asked) == {f"{NAME}:80"}


async def test_ilink(
    through: Callable[..., Awaitable[Gateway]],
    proxy: SmallProxy,
    account: Account,
    owner: ClawBot,
    receiver: Receiver,
    tmp_path: Path,
) -> None:
    gateway = await through(transport="ilink")
    await account.phone.logs_in()
    await gateway.reaches("running")
    await all_passes(gateway, owner, receiver, tmp_path / "a.png", id="@owner")
    assert [one.text for one in owner.inbox] == ["hi", "[image]"]
    assert set(proxy.asked) == {f"{NAME}:80"}


@pytest.mark.parametrize("transport", ["web", "ilink"])
async def test_with_user_and_password(
    through: Callable[..., Awaitable[Gateway]],
    proxy: SmallProxy,
    account: Account,
    transport: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    proxy.secret = (USER, PASSWORD)
    caplog.set_level(logging.DEBUG)
    gateway = await through(transport=transport, proxy=proxy.secret_url)
    await account.phone.logs_in()
    await gateway.reaches("running")
    logged = [caplog.text, repr(gateway.settings), str(await gateway.client())]
    assert not [one for one in logged if any(secret in one for secret in SECRETS)]


# -- what fails at the proxy -----------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["web", "ilink"])
async def test_it_dies_and_comes_back(
    through: Callable[..., Awaitable[Gateway]],
    proxy: SmallProxy,
    account: Account,
    receiver: Receiver,
    transport: str,
) -> None:
    gateway = await through(transport=transport, pace=QUICK)
    await account.phone.logs_in()
    await gateway.reaches("running")
    await proxy.stop()
    text = await has_reason(gateway, "proxy_unreachable", proxy.url, "connection refused")
    assert (await gateway.client())["state"] == "updating", text
    who = account.clawbot if transport == "ilink" else account.friend("小灰")
    who.says("meanwhile")
    await proxy.start()
    assert (await receiver.get(post_type="receive_message"))["content"] == "meanwhile"
    assert (await gateway.reaches("running"))["reason_code"] == "in_sync"


@pytest.mark.parametrize("transport", ["web", "ilink"])
@pytest.mark.parametrize(
    ("mood", "code"),
    [
        ("hangs", "proxy_broken"),
        ("garbage", "proxy_broken"),
        ("hangs up", "proxy_broken"),
        ("refuses", "proxy_cannot_reach"),
    ],
)
async def test_moods_of_socks(
    world: World, account: Account, transport: str, mood: Any, code: str
) -> None:
    """An HTTP proxy is told from what it leads to by CONNECT only, see below."""
    async with listening(SocksProxy()) as proxy:
        proxy.mood = mood
        gateway = await world.start(proxy=proxy.url, pace=QUICK, transport=transport)
        await has_reason(gateway, code, f"the proxy {proxy.url}")
        proxy.mood = "works"
        await account.phone.logs_in()
        await gateway.reaches("running")


@pytest.mark.parametrize("secret", ["", "wrong:word@"])
async def test_user_and_password_are_wanted(
    through: Callable[..., Awaitable[Gateway]], proxy: SmallProxy, account: Account, secret: str
) -> None:
    proxy.secret = (USER, PASSWORD)
    gateway = await through(proxy=proxy.url.replace("://", f"://{secret}"))
    text = await has_reason(gateway, "proxy_auth", f"the proxy {proxy.url} wants a user")
    assert secret not in text or not secret
    proxy.secret = None
    await account.phone.logs_in()
    await gateway.reaches("running")


async def test_a_name_that_nobody_knows(world: World) -> None:
    for scheme in ("http", "socks5"):
        gateway = await world.start(proxy=f"{scheme}://proxy.invalid:1234", pace=QUICK)
        await has_reason(gateway, "proxy_unreachable", "proxy.invalid:1234", "DNS")
        await gateway.stop()


async def test_a_send_says_that_the_proxy_failed(
    through: Callable[..., Awaitable[Gateway]], proxy: SmallProxy, account: Account
) -> None:
    gateway = await through(send_tries=1)
    await account.phone.logs_in()
    await gateway.reaches("running")
    await proxy.stop()
    reply = await gateway.get("send_friend_message", displayname="小灰", content="hi")
    assert reply.code != 0
    assert f"the proxy {proxy.url} cannot be reached" in reply.words, reply.words


# -- CONNECT ---------------------------------------------------------------------------------------------


@pytest.fixture
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def tls(simulator: Simulator, ca: trustme.CA) -> AsyncIterator[int]:
    """Serve WeChat with https, and return the port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(NAME).configure_cert(context)
    port = int(simulator.url.rpartition(":")[2])

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", port)

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            try:
                while data := await source.read(65536):
                    target.write(data)
            except OSError:
                pass
            finally:
                target.close()

        await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))

    server = await asyncio.start_server(relay, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
def environment(environ: dict[str, str], ca: trustme.CA, tmp_path: Path) -> dict[str, str]:
    """Return the variables of a gateway that trusts the certificate."""
    file = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(file)
    base_url = {"OPENWX_ACCOUNTS__DEFAULT__BASE_URL": f"https://{NAME}"}
    return environ | base_url | {"SSL_CERT_FILE": str(file)}


@pytest.mark.parametrize("kind", KINDS)
async def test_https_through_the_proxy_of_the_environment(
    openwx: Start,
    environment: dict[str, str],
    kind: type[SmallProxy],
    tls: int,
    account: Account,
    receiver: Receiver,
) -> None:
    """``post_api`` is not asked through it."""
    async with listening(kind(secret=(USER, PASSWORD), names={NAME: tls})) as proxy:
        command = await openwx(
            "serve", **environment, ALL_PROXY=proxy.secret_url, NO_PROXY="a.example"
        )
        await account.phone.logs_in()
        account.friend("小灰").says("hello")
        assert (await receiver.get(post_type="receive_message"))["content"] == "hello"
        assert set(proxy.asked) == {f"{NAME}:443"}
        command.process.terminate()
        code, out, err = await command.ends()
        assert code == 0, err
        assert not [one for one in SECRETS if one in out + err]


@pytest.mark.parametrize(
    ("mood", "code", "words"),
    [
        ("hangs", "proxy_broken", "no answer in time"),
        ("garbage", "proxy_broken", "the answer is not HTTP"),
        ("hangs up", "proxy_broken", "closed without an answer"),
        ("refuses", "proxy_cannot_reach", "it answers HTTP 502 to CONNECT"),
        ("works", "proxy_cannot_reach", f"the certificate of {NAME}:443 is not trusted"),
    ],
)
@pytest.mark.parametrize("transport", ["web", "ilink"])
async def test_moods_of_connect(
    world: World, tls: int, mood: Any, code: str, words: str, transport: str
) -> None:
    async with listening(HttpProxy(names={NAME: tls})) as proxy:
        proxy.mood = mood
        gateway = await world.start(
            proxy=proxy.url, pace=QUICK, base_url=f"https://{NAME}", transport=transport
        )
        await has_reason(gateway, code, f"the proxy {proxy.url}", words)


async def test_an_untrusted_certificate_behind_socks(world: World, tls: int) -> None:
    async with listening(SocksProxy(names={NAME: tls})) as proxy:
        gateway = await world.start(proxy=proxy.url, pace=QUICK, base_url=f"https://{NAME}")
        words = f"the certificate of {NAME}:443 is not trusted"
        await has_reason(gateway, "proxy_cannot_reach", words)


# -- of the environment ----------------------------------------------------------------------------------


def with_environment(settings: Settings, **environ: str) -> Settings:
    proxies, problems = read_environment(environ)
    assert problems == []
    return settings.read_from(None, proxies)


async def test_an_address_on_this_machine_is_direct(
    world: World, account: Account, proxy: SmallProxy
) -> None:
    settings = with_environment(world.settings(), http_proxy=proxy.url, ALL_PROXY=proxy.url)
    await world.run(settings=settings)
    assert proxy.asked == []


async def test_the_proxy_of_the_environment_and_its_exceptions(
    world: World, account: Account, proxy: SmallProxy
) -> None:
    """Without one, nobody knows the name: so the proxy is asked, and as an exception the name is not found."""
    settings = world.settings(base_url=f"http://{NAME}")
    gateway = await world.run(settings=with_environment(settings, all_proxy=proxy.url))
    await gateway.stop()
    assert proxy.asked
    asked = len(proxy.asked)
    excepted = with_environment(settings, all_proxy=proxy.url, NO_PROXY="localhost, .example")
    gateway = await world.start(settings=excepted)
    await gateway.reaches("updating")
    await until_seen(gateway.client, lambda one: "its name is not known" in one["state_reason"])
    assert len(proxy.asked) == asked


async def test_an_account_without_a_proxy_ignores_the_environment(world: World) -> None:
    settings = world.settings(base_url=f"http://{NAME}", proxy="")
    gateway = await world.start(settings=with_environment(settings, all_proxy="http://127.0.0.1:1"))
    await has_reason(gateway, "login_failed", "its name is not known")


# -- of a caller -----------------------------------------------------------------------------------------


async def test_a_caller_may_not_name_a_proxy(through: Callable[..., Awaitable[Gateway]]) -> None:
    gateway = await through()
    for url in ("http://8.8.8.8:3128", "socks5://wei:s3cr3t@proxy.invalid"):
        reply = await gateway.get("start_client", client="b", proxy=url)
        assert (reply.status, reply.code) == (403, -8)
        assert reply.words.startswith("proxy must be one that the configuration names")
        assert "s3cr3t" not in reply.words
    for wrong in ("ftp://wei:s3cr3t@proxy.invalid", "wei:s3cr3t", "http://wei:s3cr3t"):
        reply = await gateway.get("start_client", client="b", proxy=wrong)
        assert (reply.status, reply.code) == (400, -2)
        assert reply.words.startswith("proxy must be http://HOST:PORT")
        assert "s3cr3t" not in reply.words


async def test_a_caller_may_name_the_proxy_of_the_configuration(
    through: Callable[..., Awaitable[Gateway]], proxy: SmallProxy
) -> None:
    gateway = await through()
    await gateway.reaches("scaning")
    assert (await gateway.get("start_client", client="b", proxy=proxy.url)).code == 0
    assert (await gateway.get("start_client", client="c", proxy="")).code == 0
    refused = await gateway.get(
        "start_client", client="d", proxy=proxy.url, base_url="http://intern.example"
    )
    assert refused.code == -8, "the proxy would resolve the name, and nobody would look"


async def test_callers_are_trusted_with_proxies_only_as_long_as_it_is_allowed(
    world: World, proxy: SmallProxy
) -> None:
    allowing = world.settings(base_url=f"http://{NAME}", proxy=proxy.url).model_copy(
        update={"access": AccessSettings(allow_private_targets=True)}
    )
    other = proxy.url.replace("127.0.0.1", "localhost")
    gateway = await world.start(settings=allowing)
    started = await gateway.get("start_client", client="b", proxy=other)
    assert started.code == 0
    await gateway.stop()
    gateway = await world.start(settings=world.settings(base_url=f"http://{NAME}", proxy=proxy.url))
    await until_seen(
        lambda: reason_of(gateway, "b"), lambda reason: "a caller gave its proxy" in reason
    )


async def reason_of(gateway: Api, name: str) -> str:
    clients = (await gateway.get("check_client", client=name)).json["client"]
    return str(clients[0]["state_reason"])


# -- proxies of others -----------------------------------------------------------------------------------


@pytest.fixture
async def foreign(tmp_path: Path) -> AsyncIterator[str]:
    """Run the proxy of the package ``proxy.py``, which wants a user and a password; return its address."""
    pytest.importorskip("proxy")
    found = tmp_path / "port"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", "0", "--port-file", str(found),
        "--num-workers", "1", "--num-acceptors", "1", "--basic-auth", "wei:pass",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await until(lambda: found.exists() and found.read_text().strip())
        yield f"127.0.0.1:{found.read_text().split()[0]}"
    finally:
        process.terminate()
        await process.wait()


async def test_the_proxy_of_another_project(
    foreign: str, world: World, account: Account, receiver: Receiver
) -> None:
    gateway = await world.start(proxy=f"http://{foreign}", pace=QUICK)
    await has_reason(gateway, "proxy_auth", f"the proxy http://{foreign}")
    await gateway.stop()
    gateway = await world.start(proxy=f"http://wei:pass@{foreign}")
    await account.phone.logs_in()
    await gateway.reaches("running")
    account.friend("小灰").sends_image(PNG)
    picture = await receiver.get(format="media", post_type="receive_message")
    assert Path(picture["media_path"]).read_bytes() == PNG
    assert (await gateway.get("send_friend_message", displayname="小灰", content="hi")).code == 0
