"""Many accounts in one process: each on its own, and none in another's way."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from openwx.accounts.media_download import MediaDownloader
from openwx.config import AccessSettings, AccountSettings, Settings
from openwx.simulator import Account, Fault, Simulator
from tests.patience import PATIENCE_S

from .world import Gateway, Json, Receiver, World

NAMES = ("first", "second")


def settings(world: World, *names: str, **more: Any) -> Settings:
    """As a world's usual ones, with an account of each name."""
    one = world.settings()
    account = AccountSettings.model_validate({"base_url": world.simulator.url, "send_interval": 0})
    return one.model_copy(update={"accounts": dict.fromkeys(names, account), **more})


async def state_of(gateway: Gateway, name: str) -> str:
    (client,) = (await gateway.get("check_client", client=name)).json["client"]
    return str(client["state"])


async def reaches(gateway: Gateway, name: str, state: str) -> None:
    """Wait until one of several accounts is in a state."""
    async with asyncio.timeout(PATIENCE_S):
        while await state_of(gateway, name) != state:
            await gateway.get("check_event", client=name, timeout="0.2")


async def starts(gateway: Gateway, name: str, who: Account, **given: str) -> Json:
    """Start an account through the API, and log it in."""
    answer: Json = (
        await gateway.get("start_client", client=name, base_url=base_url(gateway), **given)
    ).json
    await who.phone.logs_in()
    await reaches(gateway, name, "running")
    return answer


def base_url(gateway: Gateway) -> str:
    (url, *_) = {account.base_url for account in gateway.settings.accounts.values()}
    assert url is not None
    return url


def tells(receiver: Receiver, client: str | None, **fields: Any) -> list[Json]:
    """Return the reports that came with this ``client`` in their URL."""
    return [
        report.json
        for report in receiver.reports
        if report.query.get("client") == client and report.fits(**fields)
    ]


@pytest.fixture
def second(simulator: Simulator) -> Account:
    return simulator.add_account("second", friends=3, groups=1)


@pytest.fixture
async def two(world: World, account: Account, second: Account) -> Gateway:
    """Start a gateway with two configured accounts, and log both in."""
    gateway = await world.start(settings=settings(world, *NAMES))
    for who in (account, second):
        await who.phone.logs_in()
    for name in NAMES:
        await reaches(gateway, name, "running")
    return gateway


async def names_of(gateway: Gateway) -> dict[int, str]:
    """Which account of the gateway each WeChat account is: phones scan what they see first."""
    found = {}
    for client in (await gateway.get("check_client")).json["client"]:
        name = client["account"]
        found[(await gateway.get("get_user_info", client=name)).json["uid"]] = name
    return found


# -- side by side ----------------------------------------------------------------------------------------


async def test_each_has_its_own_contacts_messages_and_sends(
    two: Gateway, account: Account, second: Account, receiver: Receiver
) -> None:
    names = await names_of(two)
    for who in (account, second):
        name = names[who.uin]
        friends = (await two.get("get_friend_info", client=name)).json
        assert {friend["name"] for friend in friends} >= {one.nickname for one in who.friends}
        who.friend("小灰").says(f"to {name}")
        await receiver.get(content=f"to {name}")
        (report,) = tells(receiver, name, post_type="receive_message")
        assert report["content"] == f"to {name}"
        reply = await two.get(
            "send_friend_message", client=name, account="xiaohui2016", content=f"from {name}"
        )
        assert reply.code == 0
        assert await who.friend("小灰").hears_text() == f"from {name}"


async def test_client_must_be_named(two: Gateway) -> None:
    for params in ({}, {"client": ""}, {"client": "none"}):
        reply = await two.get("get_user_info", **params)
        assert (reply.status, reply.code) == (400, -2)
        assert "first, second" in reply.words
    clients = (await two.get("check_client")).json["client"]
    assert [client["account"] for client in clients] == ["first", "second"]
    assert (await two.get("get_client_info", client="second")).json["account"] == "second"


async def test_one_that_is_logged_out_does_not_disturb_the_other(
    two: Gateway, account: Account, second: Account, receiver: Receiver
) -> None:
    names = await names_of(two)
    second.refuse_login(1203)
    second.phone.logs_out_web()
    await second.phone.sees_push_login()
    second.phone.confirm()
    await reaches(two, names[second.uin], "stop")
    account.friend("小灰").says("still here")
    await receiver.get(content="still here")
    (client,) = (await two.get("check_client", client=names[second.uin])).json["client"]
    assert "1203" in client["state_reason"]
    await receiver.until(lambda: tells(receiver, names[second.uin], event="stop"))
    assert tells(receiver, names[second.uin], event="login")[-1]["params"][0] == -1


async def test_a_bug_in_one_stops_that_one(
    two: Gateway,
    account: Account,
    second: Account,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = await names_of(two)

    async def breaks(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(MediaDownloader, "_fetch", breaks)
    second.friend("小灰").sends_image(b"GIF89a")
    await reaches(two, names[second.uin], "stop")
    (client,) = (await two.get("check_client", client=names[second.uin])).json["client"]
    assert "bug" in client["state_reason"]
    await receiver.until(lambda: tells(receiver, names[second.uin], event="stop"))
    account.friend("小灰").says("still here")
    await receiver.get(content="still here")
    monkeypatch.undo()
    reply = await two.get("start_client", client=names[second.uin])
    assert reply.json["status"] == "success"
    await reaches(two, names[second.uin], "running")
    await receiver.get(format="media")


async def test_a_backend_that_is_away_is_one_accounts_affair(
    world: World, account: Account, second: Account, receiver: Receiver, unused_tcp_port: int
) -> None:
    access = AccessSettings(allow_private_targets=True)
    settings = world.settings().model_copy(update={"access": access})
    api = await world.run(settings=settings, pace={"finish_s": 0.3})
    await starts(api, "second", second, post_api=f"http://127.0.0.1:{unused_tcp_port}/")
    second.friend("小灰").says("nobody is told")
    account.friend("小灰").says("somebody is told")
    await receiver.get(content="somebody is told")
    reply = await api.get(
        "send_friend_message", client="second", account="xiaohui2016", content="sent all the same"
    )
    assert reply.code == 0
    assert await second.friend("小灰").hears_text() == "sent all the same"
    events = (await api.get("check_event", client="second", timeout="0")).json
    assert "nobody is told" in [event.get("content") for event in events]
    assert not tells(receiver, "second")


async def test_check_client_says_what_the_original_said(two: Gateway, world: World) -> None:
    for client in (await two.get("check_client")).json["client"]:
        info = (await two.get("get_client_info", client=client["account"])).json
        for name in info.keys() - {"runtime"}:
            assert client[name] == info[name]
        assert (client["state"], client["state_reason"] != "") == ("running", True)
        assert client["start_time"] == str(client["starttime"])
        assert client["download_media"] == "1"
        assert Path(client["qrcode_path"]).read_bytes().startswith(b"\x89PNG")
        assert client["port"] == int(two.url.rpartition(":")[2])


# -- starting and stopping -------------------------------------------------------------------------------


async def test_start_client_refuses_a_target_for_events_that_are_not_recorded(api: Gateway) -> None:
    targets = '[{"url": "http://bot.example/", "events": ["new_friend"]}]'
    more = {"client": "second", "targets": targets, "post_event_list": "login"}
    reply = await api.get("start_client", **more)
    assert (reply.status, reply.code) == (400, -2)
    assert reply.words.startswith("targets[0].events has new_friend, which post_event_list leaves")


async def test_start_client(api: Gateway, second: Account, receiver: Receiver) -> None:
    receiver.forget()
    answer = await starts(api, "second", second, post_event_list="login,stop")
    assert answer["client"] == "second"
    assert (answer["code"], answer["status"]) == (0, "success")
    assert (answer["pid"] > 0, answer["port"]) == (True, int(api.url.rpartition(":")[2]))
    again = await api.get("start_client", client="second")
    assert again.json == answer | {"status": "client already exists"}
    await receiver.get(event="login")
    assert [one["event"] for one in tells(receiver, "second", post_type="event")] == ["login"]
    # From now on the reports of the first account name it, too.
    second.friend("小灰").says("x")
    await receiver.get(content="x")
    assert tells(receiver, "second", content="x")
    assert (await api.get("get_user_info")).code == -2


async def test_stop_client_of_several(two: Gateway, receiver: Receiver) -> None:
    reply = await two.get("stop_client", client="second")
    assert "will stop in 3 seconds" in reply.words
    await reaches(two, "second", "stop")
    assert await state_of(two, "first") == "running"
    reply = await two.get("get_user_info", client="second")
    assert (reply.status, reply.code, reply.json["state"]) == (503, -4, "stop")
    await receiver.get(event="stop")
    assert tells(receiver, "second", event="stop")
    assert (await two.get("start_client", client="second")).json["status"] == "success"
    await reaches(two, "second", "running")


@pytest.mark.usefixtures("stops_soon")
async def test_a_stopped_one_stays_stopped_over_a_restart(world: World, two: Gateway) -> None:
    await two.get("stop_client", client="second")
    await reaches(two, "second", "stop")
    await two.stop()
    gateway = await world.start(settings=two.settings)
    await reaches(gateway, "first", "running")
    (client,) = (await gateway.get("check_client", client="second")).json["client"]
    assert (client["state"], "start_client" in client["state_reason"]) == ("stop", True)
    await gateway.get("start_client", client="second")
    await reaches(gateway, "second", "running")
    await gateway.stop()
    gateway = await world.start(settings=two.settings)
    await reaches(gateway, "second", "running")


async def test_the_only_one_that_was_refused_starts_anew(
    world: World, gateway: Gateway, account: Account
) -> None:
    account.refuse_login()
    await account.phone.logs_in()
    await gateway.reaches("stop")
    account.allow_login()
    assert (await gateway.get("start_client", client="default")).json["status"] == "success"
    await account.phone.logs_in()
    await gateway.reaches("running")
    assert gateway.service is not None
    assert not gateway.service.ended.is_set()


async def test_stop_and_start_at_once_is_a_restart(
    two: Gateway, second: Account, receiver: Receiver
) -> None:
    before = (await two.get("get_client_info", client="second")).json["starttime"]
    receiver.forget()
    await two.get("stop_client", client="second")
    both = await asyncio.gather(
        two.get("start_client", client="second"), two.get("start_client", client="second")
    )
    assert sorted(reply.json["status"] for reply in both) == ["client already exists", "success"]
    await reaches(two, "second", "running")
    assert tells(receiver, "second", event="stop")
    assert (await two.get("get_client_info", client="second")).json["starttime"] >= before


async def test_the_only_one_restarts_without_an_end_of_the_server(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    await api.get("stop_client")
    reply = await api.get("start_client", client="default")
    assert reply.json["status"] == "success"
    await api.reaches("running")
    account.friend("小灰").says("still here")
    await receiver.get(content="still here")


async def test_names_that_differ_in_case_only_at_once(api: Gateway, simulator: Simulator) -> None:
    replies = await asyncio.gather(
        *(
            api.get("start_client", client=name, base_url=simulator.url)
            for name in ("b", "B", "b", "B")
        )
    )
    assert sorted(reply.code for reply in replies) == [-2, -2, 0, 0]
    clients = (await api.get("check_client")).json["client"]
    assert [client["account"].lower() for client in clients] == ["default", "b"]


async def test_starts_and_stops_at_once_are_all_remembered(
    world: World, two: Gateway, simulator: Simulator
) -> None:
    names = [f"n{number}" for number in range(10)]
    await asyncio.gather(
        two.get("stop_client", client="second"),
        *(two.get("start_client", client=name, base_url=simulator.url) for name in names),
    )
    await two.stop()
    gateway = await world.start(settings=two.settings)
    await reaches(gateway, "first", "running")
    clients = (await gateway.get("check_client")).json["client"]
    states = {client["account"]: client["state"] for client in clients}
    assert list(states) == ["first", "second", *sorted(names, key=list(states).index)]
    assert [name for name, state in states.items() if state == "stop"] == ["second"]


async def test_a_stop_of_the_server_while_accounts_start(
    api: Gateway, simulator: Simulator
) -> None:
    starts = [
        asyncio.create_task(
            api.get("start_client", client=f"n{number}", base_url=simulator.url),
        )
        for number in range(20)
    ]
    await asyncio.wait(starts, return_when=asyncio.FIRST_COMPLETED)
    await api.stop()
    for reply in await asyncio.gather(*starts, return_exceptions=True):
        if isinstance(reply, BaseException):
            assert isinstance(reply, aiohttp.ClientError)
        else:
            assert (reply.status, reply.code) in ((200, 0), (503, -4))


async def test_started_ones_come_back(
    world: World, api: Gateway, account: Account, second: Account, receiver: Receiver
) -> None:
    await starts(api, "second", second, post_event="0")
    account.phone.logs_out_web()
    await account.phone.sees_push_login()
    reply = await api.get(
        "send_friend_message",
        client="second",
        account="xiaohui2016",
        content="later",
        **{"async": "1"},
    )
    assert reply.code == 0
    await api.stop()
    account.phone.cancel()
    gateway = await world.start(settings=api.settings)
    await account.phone.sees_push_login()
    account.phone.confirm()
    for name in ("default", "second"):
        await reaches(gateway, name, "running")
    assert await second.friend("小灰").hears_text() == "later"
    await receiver.get(uid=reply.json["uid"], code=0)
    assert not tells(receiver, "second", post_type="event")


async def test_what_start_client_refuses(world: World, api: Gateway) -> None:
    for params, word in (
        ({}, "client"),
        ({"client": "../x"}, "client"),
        ({"client": "x" * 65}, "client"),
        ({"client": "DEFAULT"}, "default"),
        ({"client": "b", "login_mode": "phone"}, "login_mode"),
        ({"client": "b", "post_api": "nonsense"}, "post_api"),
        ({"client": "b", "send_interval": "x"}, "send_interval"),
        ({"client": "b", "post_event_list": "login,dance"}, "post_event_list"),
        ({"client": "b", "post_message_filter": "x"}, "post_message_filter"),
    ):
        for call in (api.get, api.post, api.post_json):
            reply = await call("start_client", **params)
            assert (reply.status, reply.code) == (400, -2), params
            assert word in reply.words
    assert len((await api.get("check_client")).json["client"]) == 1


async def test_the_originals_names(
    api: Gateway, second: Account, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    given = {"tmpdir": "/tmp", "http_debug": "1", "plugin_openwx_post_event": "0"}
    receiver.forget()
    await starts(api, "second", second, **given)
    second.friend("小灰").says("x")
    await receiver.get(content="x")
    assert not tells(receiver, "second", post_type="event")
    (warning,) = [line for line in caplog.messages if "mean nothing here" in line]
    assert all(name in warning for name in ("second", "http_debug", "tmpdir"))
    assert "post_event" not in warning
    reply = await api.get("start_client", client="c", plugin_openwx_post_event="maybe")
    assert (reply.code, "post_event" in reply.words) == (-2, True)


async def test_the_configuration_wins(
    world: World, api: Gateway, second: Account, caplog: pytest.LogCaptureFixture
) -> None:
    await starts(api, "second", second, post_event="0")
    await api.stop()
    gateway = await world.start(settings=settings(world, "first", "SECOND"))
    clients = (await gateway.get("check_client")).json["client"]
    assert [client["account"] for client in clients] == ["first", "SECOND"]
    assert any("wins" in line for line in caplog.messages)


async def test_no_more_than_max_clients(world: World, simulator: Simulator) -> None:
    gateway = await world.start(settings=settings(world, "a", max_clients=2))
    assert (await gateway.get("start_client", client="b", base_url=simulator.url)).code == 0
    reply = await gateway.get("start_client", client="c", base_url=simulator.url)
    assert (reply.status, reply.code) == (429, -7)
    assert "max_clients" in reply.words
    assert (await gateway.get("start_client", client="b")).code == 0


async def test_a_qrcode_for_each(world: World, simulator: Simulator) -> None:
    gateway = await world.start(settings=settings(world, *NAMES))
    for name in NAMES:
        await reaches(gateway, name, "scaning")
    images = {(await gateway.get("get_qrcode", client=name)).body for name in NAMES}
    assert len(images) == 2
    assert all((world.data_dir / f"qrcode-{name}.png").read_bytes() in images for name in NAMES)


async def test_twenty_at_once(world: World, simulator: Simulator, receiver: Receiver) -> None:
    everybody = [simulator.account()]
    everybody += [simulator.add_account(f"n{n}", friends=2, groups=0) for n in range(19)]
    names = [f"account-{n}" for n in range(20)]
    gateway = await world.start(settings=settings(world, *names))
    for who in everybody:
        await who.phone.logs_in()
    for name in names:
        await reaches(gateway, name, "running")
    found = await names_of(gateway)
    assert sorted(found.values()) == sorted(names)
    for who in everybody:
        who.friend("小灰").says(f"to {found[who.uin]}")
    await receiver.gets(20, post_type="receive_message")
    for name in names:
        (report,) = tells(receiver, name, post_type="receive_message")
        assert report["content"] == f"to {name}"


async def test_logout_ends_started_ones_too(
    world: World, api: Gateway, second: Account, tmp_path: Path, openwx: Any
) -> None:
    await starts(api, "second", second)
    await api.stop()
    command = await openwx(
        "logout",
        OPENWX_DATA_DIR=str(world.data_dir),
        OPENWX_ACCOUNTS__DEFAULT__BASE_URL=world.simulator.url,
    )
    code, _, err = await command.ends(30)
    assert code == 0, err
    assert "second: logged out" in err
    assert not second.is_online


async def test_logout_of_one_that_fails_ends_the_others(
    world: World, api: Gateway, second: Account, openwx: Any
) -> None:
    await starts(api, "second", second)
    await api.stop()
    world.simulator.faults.add("webwxlogout", Fault.SERVER_ERROR, times=1)
    command = await openwx(
        "logout",
        OPENWX_DATA_DIR=str(world.data_dir),
        OPENWX_ACCOUNTS__DEFAULT__BASE_URL=world.simulator.url,
    )
    code, _, err = await command.ends(30)
    assert code == 1
    assert "default: still logged in" in err
    assert "second: logged out" in err
    assert not second.is_online


@pytest.mark.usefixtures("stops_soon")
async def test_the_last_reports_can_be_read_after_the_stop(two: Gateway) -> None:
    """``check_event`` works in every state."""
    account = two.service.gateway.account("second") if two.service else None
    assert account is not None
    await two.get("stop_client", client="second")
    await asyncio.wait_for(account.ended.wait(), PATIENCE_S)
    last = (await two.get("check_event", client="second", timeout="0")).json
    assert [report.get("event") for report in last[-2:]] == ["state_change", "stop"]
