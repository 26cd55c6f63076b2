"""An account that changes its transport in the configuration, and back: nothing is lost, and nothing goes astray."""

import base64
from collections.abc import Awaitable, Callable, Mapping

import pytest
from msgspec.structs import replace

from openwx import service
from openwx.transports.by_kind import TransportsByKind, of_saved, to_saved
from tests.memory import MemoryTransports
from tests.memory_wechat import MemoryAccount

from .world import PACE, Gateway, Receiver, World

pytestmark = pytest.mark.in_memory

Change = Callable[[str], Awaitable[Gateway]]


def by_kind(factories: Mapping[str, MemoryTransports]) -> TransportsByKind:
    return TransportsByKind(
        {kind: lambda kind=kind: factories[kind] for kind in factories}  # type: ignore[misc]
    )


@pytest.fixture
def factories() -> dict[str, MemoryTransports]:
    return {kind: MemoryTransports(kind) for kind in ("web", "ilink")}


@pytest.fixture
def web(factories: dict[str, MemoryTransports]) -> MemoryAccount:
    return factories["web"].account()


@pytest.fixture
def ilink(factories: dict[str, MemoryTransports]) -> MemoryAccount:
    account = factories["ilink"].account()
    account.drops_repeats = account.shares_uploads = False
    account.ids_last = True
    return account


@pytest.fixture
def change(
    world: World, factories: dict[str, MemoryTransports], web: MemoryAccount, ilink: MemoryAccount
) -> Change:
    """Return a function that restarts the gateway with another transport."""

    async def to(transport: str) -> Gateway:
        for former in world.gateways:
            await former.stop()
        pace = replace(PACE, finish_s=0.2)
        settings = world.settings(transport=transport)
        gateway = Gateway(settings, pace, world.http, by_kind(factories))
        world.gateways.append(gateway)
        await gateway.start()
        await gateway.reaches("running")
        return gateway

    return to


async def test_both_sessions_are_kept(
    change: Change, web: MemoryAccount, ilink: MemoryAccount, receiver: Receiver
) -> None:
    for round_ in range(3):
        for kind, account in (("web", web), ("ilink", ilink)):
            words = f"{round_} by {kind}"
            account.friend("小灰").says(words)  # while the other one runs
            await change(kind)
            await receiver.get(content=words)
            await account.acknowledges()
    assert (web.logins, ilink.logins) == (1, 1)
    said = [one.json["content"] for one in receiver.reports if "content" in one.json]
    assert said == [f"{n} by {kind}" for n in range(3) for kind in ("web", "ilink")]


@pytest.mark.parametrize("back", [False, True])
async def test_a_waiting_send_goes_to_nobody_else(
    change: Change, web: MemoryAccount, ilink: MemoryAccount, receiver: Receiver, back: bool
) -> None:
    """The ids of these chats are the same, and so are their names and the numbers of the logins."""
    kinds = [("web", web), ("ilink", ilink)]
    (first, account), (second, other) = reversed(kinds) if back else kinds
    web.ids_last = True
    friend = account.friend("小灰")
    account.left = {friend: 0, account.filehelper: 0}
    api = await change(first)
    assert other.by_id(friend.record.id).nickname == "小灰"
    for to in (friend.record.id, "filehelper"):
        reply = await api.get("send_friend_message", id=to, content="x", **{"async": "1"})
        assert reply.code == 0
    await change(second)
    for report in await receiver.gets(2, post_type="send_message"):
        assert report["code"] == 100
        assert "changed its transport" in report["info"]
    assert (account.sent, other.sent) == ([], [])


async def test_a_file_is_sent_by_either(
    change: Change, web: MemoryAccount, ilink: MemoryAccount
) -> None:
    data = base64.b64encode(b"some words").decode()
    api = await change("web")
    by_web = (await api.get("upload_media", media_data=data, media_name="a.txt")).json["media_id"]
    api = await change("ilink")
    by_ilink = (await api.get("upload_media", media_data=data, media_name="b.txt")).json["media_id"]
    for kind, account in (("ilink", ilink), ("web", web)):
        api = await change(kind)
        for media_id in (by_web, by_ilink):
            to = account.friend("小灰").record.id
            reply = await api.get("send_friend_message", id=to, media_id=media_id)
            assert reply.code == 0, reply.json
        assert [media.name for media in account.uploads][-1] == "b.txt"
        assert len(account.sent) == 2


async def test_a_logout_ends_the_sessions_of_both(
    change: Change,
    world: World,
    factories: dict[str, MemoryTransports],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    accounts = [factories[kind].account() for kind in ("web", "ilink")]
    for kind in factories:
        await change(kind)
    await world.gateways[-1].stop()
    assert [one.is_logged_in for one in accounts] == [True, True]
    monkeypatch.setattr(service, "_transports", lambda *_: by_kind(factories))
    await service.log_out(world.settings(transport="ilink"))
    assert [one.is_logged_in for one in accounts] == [False, False]
    for kind in factories:
        await change(kind)
    assert [one.logins for one in accounts] == [2, 2]


def test_names_of_saved_state_do_not_collide() -> None:
    state = {"session": b"1", "uids": None}
    assert to_saved("web", state) == state
    assert to_saved("ilink", state) == {"ilink.session": b"1", "ilink.uids": None}
    saved = to_saved("web", {"session": b"1"}) | to_saved("ilink", {"session": b"2", "a.b": b"3"})
    assert of_saved("web", saved) == {"session": b"1"}
    assert of_saved("ilink", saved) == {"session": b"2", "a.b": b"3"}
    assert of_saved("other", saved) == {}
