"""The places in which examples run: each is a gateway with a simulated WeChat of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from openwx.api import parameters
from openwx.config import EVENTS, AccessKey, AccessSettings, AccountSettings
from openwx.simulator import Simulator
from openwx.transports.base import Capability
from tests.functional.world import PACE, Gateway, Receiver, World
from tests.memory import MemoryTransports
from tests.patience import PATIENCE_S

from .book import Scene

ABILITIES = frozenset({Capability.CONTACTS, Capability.SEND_TEXT, Capability.SEND_MEDIA})
"""What iLink can do."""
TOKEN = "s3cret-enough-token"
READ_TOKEN = "a-token-of-a-dashboard"


@asynccontextmanager
async def opened(place: str, folder: Path) -> AsyncIterator[Scene]:
    """Open a place: running, telling, impatient, very impatient, waiting, guarded, hasty, alone or elsewhere."""
    receiver = Receiver()
    await receiver.start()
    async with (
        Simulator(
            1, hold_s=0.5, friends=7, public_accounts=1, groups=2, biggest_group=4, group_members=4
        ) as simulator,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
    ):
        world = World(simulator, receiver, folder / "data", http)
        try:
            yield await _scene(world, place)
        finally:
            await world.close()
    await receiver.stop()


async def _scene(world: World, place: str) -> Scene:
    match place:
        case "running":
            # Answers show settings, so those keep their defaults; two attempts, so that failures come soon.
            world.account.add_group("项目组", ["甲", "乙"])
            world.account.add_group("项目组", ["丙", "丁"])
            scene = Scene(world, await world.run(send_tries=2, pace={"refresh_every_s": 0.0}))
            scene.words["own group"] = scene.id_of(scene.own_group())
            await world.receiver.get(event="login")
            return scene
        case "telling":
            scene = Scene(world, await world.run(report={"post_event_list": list(EVENTS)}))
            await world.receiver.get(event="login")
            return scene
        case "impatient":
            return Scene(world, await world.run(queue_size=1, pace={"send_wait_s": PATIENCE_S}))
        case "very impatient":
            return Scene(world, await world.run(pace={"send_wait_s": 1.0}))
        case "waiting":
            gateway = await world.start()
            await gateway.reaches("scaning")
            return Scene(world, gateway)
        case "guarded":
            reader = AccessKey(name="dashboard", token=READ_TOKEN, scope="read")
            access = AccessSettings(token=TOKEN, keys=[reader])
            settings = world.settings().model_copy(update={"access": access})
            return Scene(world, await world.start(settings=settings))
        case "hasty":
            usual, parameters.BODY_TIMEOUT_S = parameters.BODY_TIMEOUT_S, 0.1
            try:
                return Scene(world, await world.start())
            finally:
                parameters.BODY_TIMEOUT_S = usual
        case "alone":
            settings = world.settings().model_copy(update={"max_clients": 1})
            return Scene(world, await world.start(settings=settings))
        case "elsewhere":
            return await _elsewhere(world)
        case _:
            raise ValueError(place)


async def _elsewhere(world: World) -> Scene:
    """Run on a transport that can do as little as iLink, to which one friend has written."""
    transports = MemoryTransports("ilink")
    account = transports.account()
    account.capabilities = ABILITIES
    account.chats = account.friends[:1]
    settings = world.settings().model_copy(update={"accounts": {"default": AccountSettings()}})
    gateway = Gateway(settings, PACE, world.http, transports)
    world.gateways.append(gateway)
    await gateway.start()
    await gateway.reaches("running")
    friend = account.chats[0].record
    account.left = {account.chats[0]: 3}
    account.owner_id = friend.id
    scene = Scene(world, gateway)
    scene.elsewhere = account
    return scene
