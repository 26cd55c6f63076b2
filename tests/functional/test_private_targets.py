"""Addresses that a caller gives to an account lead to nothing private, whenever and however they are used."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from openwx.config import AccessSettings
from openwx.reporter import delivery_error
from openwx.simulator import Account
from openwx.simulator.media import PNG
from tests.patience import PATIENCE_S, until
from tests.reply import Reply
from tests.served import ALL, served

from .test_accounts import reaches, second, starts
from .test_media_access import Site, site, trusted
from .world import Gateway, Json, World

__all__ = ["second", "site", "trusted"]

PRIVATE = [
    "http://127.0.0.1:{port}/x",
    "http://localhost:{port}/x",
    "http://[::1]:{port}/x",
    "http://[::ffff:127.0.0.1]:{port}/x",
    "http://10.0.0.1/x",
    "http://169.254.169.254/x",
    "http://0.0.0.0:{port}/x",
    "http://site.example:{port}/x",
    "https://192.168.1.1/x",
]

SOON = {"finish_s": 0.1}
"""What is left for an address that nobody may reach is not waited for at the end."""


@pytest.fixture
async def gateway(world: World) -> Gateway:
    return await world.start(pace=SOON)


def allowing(world: World, **more: Any) -> Any:
    settings = world.settings(**more)
    return settings.model_copy(update={"access": AccessSettings(allow_private_targets=True)})


async def start(gateway: Gateway, **params: str) -> Reply:
    return await gateway.post("start_client", client="b", **params)


async def is_refused(reply: Reply, key: str) -> None:
    assert (reply.status, reply.code) == (403, -8), reply.words
    assert reply.words.startswith(f"{key} leads to a loopback, private or link-local address")
    assert "access.allow_private_targets" in reply.words


async def trouble(gateway: Gateway, name: str) -> str:
    """Wait for an outage of an account's backend, and return its description."""
    assert gateway.service is not None
    account = gateway.service.gateway.account(name)
    async with asyncio.timeout(PATIENCE_S):
        while not account.outages:
            await gateway.get("check_event", client=name, timeout="0.1")
    (outage,) = account.outages.values()
    return delivery_error.words(outage)


@pytest.fixture
async def allowed(world: World) -> Gateway:
    """Run a gateway whose callers may name private addresses."""
    return await world.run(settings=allowing(world), pace=SOON)


@pytest.fixture
async def elsewhere(site: Site, gateway: Gateway) -> Site:
    """Let a name lead outside when the account starts, and into this machine when it is used."""
    site.addresses = ["8.8.8.8"]
    return site


# -- at the start ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", PRIVATE)
async def test_private_addresses_are_refused(gateway: Gateway, site: Site, address: str) -> None:
    url = address.format(port=site.port)
    origin = url.removesuffix("/x")
    for key, value in (("post_api", url), ("poll_api", url), ("base_url", origin)):
        await is_refused(await start(gateway, **{key: value}), key)
        await is_refused(await start(gateway, **{f"plugin_openwx_{key}": value}), key)
    assert len((await gateway.get("check_client")).json["client"]) == 1
    assert site.asked == []


async def test_what_the_configuration_says_too_may_be_given(
    world: World, gateway: Gateway, account: Account, second: Account
) -> None:
    """So a caller can name what an account of the configuration has."""
    given = {"base_url": world.simulator.url, "post_api": world.receiver.url}
    assert (await start(gateway, **given)).code == 0
    for who in (account, second):
        await who.phone.logs_in()
    await reaches(gateway, "b", "running")
    await world.receiver.get(event="login", params=[1])


async def test_hosts_that_the_configuration_names_may_be_private(world: World, site: Site) -> None:
    gateway = await world.start(media={"private_hosts": ["site.example", "127.0.0.1"]}, pace=SOON)
    for url in (f"{site.url}/x", f"http://127.0.0.1:{site.port}/x"):
        assert (await gateway.get("start_client", client=f"b{len(url)}", post_api=url)).code == 0
    await is_refused(await start(gateway, post_api=f"http://localhost:{site.port}/x"), "post_api")


async def test_a_running_account_is_there_already(world: World, api: Gateway, site: Site) -> None:
    """Its address is not taken over, so it is not judged either."""
    reply = await api.get("start_client", client="default", post_api=f"{site.url}/x")
    assert reply.json["status"] == "client already exists"


async def test_an_unknown_name_is_judged_later(gateway: Gateway) -> None:
    assert (await start(gateway, post_api="http://no-such-host.invalid/x")).code == 0


# -- when they are used ----------------------------------------------------------------------------------


async def test_a_name_that_leads_elsewhere_later(
    world: World, gateway: Gateway, account: Account, second: Account, elsewhere: Site
) -> None:
    """A name server answers the judge one thing and the connection another."""
    await account.phone.logs_in()
    await gateway.reaches("running")
    urls = {"post_api": f"{elsewhere.url}/post", "poll_api": f"{elsewhere.url}/poll"}
    await gateway.get("start_client", client="second", base_url=world.simulator.url, **urls)
    elsewhere.addresses = ["127.0.0.1"]
    await second.phone.logs_in()
    await reaches(gateway, "second", "running")
    second.friend("小灰").says("secret")
    assert "a caller gave it" in await trouble(gateway, "second")
    reply = await gateway.get("upload_media", client="second", media_path=f"{elsewhere.url}/a.png")
    assert (reply.status, reply.code) == (403, -8), reply.words
    assert elsewhere.asked == []


async def test_post_api_of_a_caller_makes_no_origin_trusted(
    world: World, allowed: Gateway, second: Account, site: Site
) -> None:
    """The attack: post_api at a private address, and then media from there."""
    bodies: list[Json] = []

    async def answer(request: web.Request) -> web.Response:
        bodies.append(await request.json() if request.can_read_body else {})
        return web.Response(body=PNG)

    site.answer = answer
    url = f"http://127.0.0.1:{site.port}"
    await allowed.get(
        "start_client", client="second", base_url=world.simulator.url, post_api=f"{url}/post"
    )
    await second.phone.logs_in()
    await reaches(allowed, "second", "running")
    reply = await allowed.get("upload_media", client="second", media_path=f"{url}/a.png")
    assert (reply.status, reply.code) == (403, -8), reply.words
    assert "/a.png" not in site.asked


async def test_a_restored_account_is_still_a_callers(
    world: World, allowed: Gateway, second: Account, site: Site
) -> None:
    await starts(allowed, "second", second, post_api=f"http://127.0.0.1:{site.port}/post")
    second.friend("小灰").says("hi")
    async with asyncio.timeout(PATIENCE_S):
        while "/post" not in site.asked:
            await allowed.get("check_event", client="second", timeout="0.1")
    await allowed.stop()
    asked = len(site.asked)

    gateway = await world.start(pace=SOON)
    await reaches(gateway, "second", "running")
    second.friend("小灰").says("secret")
    assert "a caller gave it" in await trouble(gateway, "second")
    url = f"http://127.0.0.1:{site.port}/a.png"
    assert (await gateway.get("upload_media", client="second", media_path=url)).code == -8
    assert len(site.asked) == asked


async def test_base_url_of_a_caller_leads_to_nothing_private(
    world: World, gateway: Gateway, elsewhere: Site
) -> None:
    reply = await gateway.get("start_client", client="second", base_url=elsewhere.url)
    assert reply.code == 0
    elsewhere.addresses = ["127.0.0.1"]
    async with asyncio.timeout(PATIENCE_S):
        while True:
            (client,) = (await gateway.get("check_client", client="second")).json["client"]
            if "a caller gave it" in client["state_reason"]:
                break
            await gateway.get("check_event", client="second", timeout="0.1")
    assert elsewhere.asked == []


@pytest.mark.usefixtures("stops_soon")
@pytest.mark.parametrize("is_other", [True, False])
async def test_a_session_is_sent_to_its_own_base_url_alone(
    world: World, allowed: Gateway, second: Account, site: Site, *, is_other: bool
) -> None:
    """Who has a session can act as the account, so a caller cannot have it sent somewhere."""
    sent: list[str] = []

    def answer(request: web.Request) -> web.Response:
        sent.append(request.headers.get("Cookie", "") + request.query_string)
        return web.Response(status=500)

    site.answer = answer
    await starts(allowed, "second", second)
    await allowed.get("stop_client", client="second")
    await reaches(allowed, "second", "stop")
    url = f"http://127.0.0.1:{site.port}" if is_other else world.simulator.url
    await allowed.get("start_client", client="second", base_url=url)
    if not is_other:
        await reaches(allowed, "second", "running")
        return
    await until(lambda: sent)
    assert {path.rpartition("/")[2] for path in site.asked} == {"jslogin"}
    assert not [one for one in sent if "wxsid" in one or "sid=" in one]


@pytest.mark.usefixtures("trusted")
async def test_redirects_are_judged_too(
    world: World, gateway: Gateway, account: Account, second: Account, site: Site
) -> None:
    """The site counts as one out there; what it redirects to is this machine by other names."""
    inner: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        inner.append(request.path)
        return web.Response(body=PNG)

    def redirect(request: web.Request) -> web.Response:
        target = f"http://127.0.0.2:{site.port}{request.path}/inner"
        return web.Response(status=307, headers={"Location": target})

    site.answer = redirect
    async with served({ALL: handle}, host="127.0.0.2", port=site.port):
        await account.phone.logs_in()
        await gateway.reaches("running")
        await starts(
            gateway, "second", second, poll_api=f"{site.url}/poll", poll_interval="0.1"
        )  # fmt: skip
        async with asyncio.timeout(PATIENCE_S):
            while site.asked.count("/poll") < 3:
                await gateway.get("check_event", client="second", timeout="0.1")
        assert inner == []


async def test_without_the_judge_all_of_it_works(
    world: World, account: Account, second: Account
) -> None:
    """With ``allow_private_targets``, as it was before."""
    settings = allowing(world, report={"post_api": None})
    gateway = await world.start(settings=settings, pace=SOON)
    await account.phone.logs_in()
    await gateway.reaches("running")
    await starts(gateway, "second", second, post_api=world.receiver.url)
    second.friend("小灰").says("hi")
    await world.receiver.get(content="hi")
