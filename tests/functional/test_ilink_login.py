"""An account on iLink: from the code to a running bot, its end, and back again."""

import asyncio
import contextlib
import itertools

import pytest

from openwx.accounts import qrcode
from openwx.simulator import Account, ClawBot, SecondPoller, Simulator
from openwx.simulator.ilink.codes import BotCode
from tests.patience import until
from tests.populations import FEW

from .world import Gateway, Receiver, World

POPULATION = FEW


@pytest.fixture
async def gateway(world: World) -> Gateway:
    return await world.start(transport="ilink")


async def shows_another_code(receiver: Receiver, n: int = 2) -> None:
    await receiver.gets(n, event="input_qrcode")


async def test_a_scan_binds_a_bot(
    gateway: Gateway, account: Account, owner: ClawBot, receiver: Receiver, simulator: Simulator
) -> None:
    await gateway.reaches("scaning")
    (code,) = simulator.codes.pending()
    picture = await gateway.get("get_qrcode")
    assert picture.body == qrcode.draw(code.drawn, colour=False)[0], "the link is drawn here"
    await account.phone.scan()
    await gateway.reaches("confirming")
    account.phone.confirm()
    client = await gateway.reaches("running")
    assert client["transport"] == "ilink"
    assert await receiver.get_event("login") == [1]
    me = (await gateway.get("get_user_info")).json
    assert (me["id"], me["uid"], me["account"]) == (owner.user_id, owner.user_id, owner.bot.id)
    assert owner.bot.notified
    await receiver.get(event="state_change", params=["updating", "running"])
    states = ["init", "loading", "scaning", "confirming", "updating", "running"]
    changes = [params for _, params in receiver.events("state_change")]
    assert changes == [[*pair] for pair in itertools.pairwise(states)]
    await gateway.stop()
    assert not owner.bot.notified


async def test_the_digits_wrong_then_right(
    gateway: Gateway,
    account: Account,
    owner: ClawBot,
    simulator: Simulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    simulator.ilink.verify_code = True
    assert (await gateway.get("verify_code", code="123456")).code == 101, "nobody asked for any"
    await account.phone.scan()
    digits = await account.phone.sees_digits()
    await gateway.has_reason("need_verify_code")
    await until(lambda: "hand them in with openwx verify-code DIGITS" in caplog.text)
    wrong = f"{(int(digits) + 1) % 1_000_000:06}"
    reply = await gateway.post("verify_code", code=wrong)
    assert (reply.code, reply.json["right"]) == (201, False)
    reply = await gateway.post("verify_code", code=digits)
    assert (reply.code, reply.json["right"]) == (0, True)
    account.phone.confirm()
    await gateway.reaches("running")
    assert owner.is_bound
    assert (await gateway.get("verify_code", code=digits)).code == 101


async def test_too_many_wrong_digits_bring_another_code(
    gateway: Gateway, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    simulator.ilink.verify_code, simulator.ilink.verify_tries = True, 2
    await account.phone.scan()
    digits = await account.phone.sees_digits()
    await gateway.has_reason("need_verify_code")
    wrong = f"{(int(digits) + 1) % 1_000_000:06}"
    for _ in range(2):
        reply = await gateway.post("verify_code", code=wrong)
        assert (reply.code, reply.json["right"]) == (201, False)
    await shows_another_code(receiver)
    await gateway.has_reason("verify_code_blocked")
    await receiver.get(event="qrcode_expire")
    simulator.ilink.verify_code = False
    await account.phone.logs_in()
    await gateway.reaches("running")


async def test_an_expired_code_is_renewed(
    gateway: Gateway, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    await gateway.reaches("scaning")
    former = simulator.codes.pending()
    simulator.codes.expire_all()
    await receiver.get(event="qrcode_expire")
    await shows_another_code(receiver)
    await account.phone.logs_in()
    await gateway.reaches("running")
    assert [code.state for code in former] == ["expired"]


async def test_a_cancelled_scan_brings_another_code(
    gateway: Gateway, account: Account, receiver: Receiver
) -> None:
    await account.phone.scan()
    await gateway.reaches("confirming")
    account.phone.cancel()
    await shows_another_code(receiver)
    await account.phone.logs_in()
    await gateway.reaches("running")


async def test_a_login_goes_on_at_another_host(
    gateway: Gateway, account: Account, owner: ClawBot, receiver: Receiver, simulator: Simulator
) -> None:
    """``base_url`` stands for every host, so this is one origin all the same."""
    simulator.ilink.redirect_host = simulator.redirect_host
    code = await account.phone.scan()
    assert isinstance(code, BotCode)
    await gateway.reaches("confirming")
    assert code.last_status == "scaned_but_redirect"
    account.phone.confirm()
    await gateway.reaches("running")
    owner.says("hello")
    await receiver.get(content="hello")
    assert {call.origin for call in simulator.calls} == {simulator.url}


async def test_a_bot_that_is_still_bound_is_kept(
    bound: Gateway, account: Account, owner: ClawBot, receiver: Receiver, simulator: Simulator
) -> None:
    """The token was refused for a while, and a scan says that it is good."""
    bot = owner.bot
    bot.goes_stale()
    await bound.reaches("scaning")
    (code,) = simulator.codes.pending()
    assert isinstance(code, BotCode)
    assert code.local_tokens == [bot.token]
    bot.heals()
    await account.phone.scan()
    await bound.reaches("running")
    assert (code.state, owner.bots) == ("bound", [bot])
    owner.says("hello")
    await receiver.get(content="hello")
    assert (await bound.get("send_friend_message", id="@owner", content="hi")).code == 0


async def test_another_persons_scan_is_refused_in_words(
    bound: Gateway, owner: ClawBot, receiver: Receiver, simulator: Simulator
) -> None:
    owner.bot.goes_stale()
    await bound.reaches("scaning")
    other = simulator.add_account("李雷")
    await other.phone.logs_in()
    client = await bound.has_reason("scanned_by_another")
    assert owner.user_id in client["state_reason"]
    assert other.clawbot.user_id not in client["state_reason"]
    other.clawbot.says("not for you")
    await simulator.account().phone.logs_in()
    await bound.reaches("running")
    owner.says("mine")
    await receiver.get(content="mine")
    assert not receiver.got(content="not for you")
    assert (await bound.get("get_user_info")).json["id"] == owner.user_id


async def test_after_a_scan_elsewhere_the_same_person_goes_on(
    bound: Gateway, account: Account, owner: ClawBot, receiver: Receiver, simulator: Simulator
) -> None:
    """Chats, history and what waits to be sent belong to the person."""
    sent = await bound.get("send_friend_message", id="@owner", content="before")
    friends = (await bound.get("get_friend_info")).json
    for number in range(9):
        reply = await bound.get("send_friend_message", id="@owner", content=f"{number}")
        assert reply.code == 0
    waits = await bound.get("send_friend_message", id="@owner", content="later", **{"async": "1"})
    assert "waits_for" in waits.json, waits.json
    receiver.forget()
    former = owner.binds()  # a scan by another program
    client = await bound.reaches("scaning")
    assert client["reason_code"] == "waiting_for_scan"
    await receiver.get(event="state_change", params=["running", "updating"])
    calls = len(simulator.calls_of("getupdates"))
    await account.phone.logs_in()
    await bound.reaches("running")
    assert owner.bot is not former
    assert calls < 10, "a token that is refused is not polled in a loop"
    assert await receiver.get_event("login") == [1]
    assert (await bound.get("get_friend_info")).json == friends
    quoted = next(one for one in owner.inbox if one.msg_id == sent.json["msg_id"])
    owner.says("about that", quotes=quoted)
    assert (await receiver.get(content="about that"))["quote"]["content"] == "before"
    result = await receiver.get(post_type="send_message", content="later")
    assert result["code"] == 0, result
    assert owner.texts[-1] == "later"


async def test_a_restart_needs_no_scan_and_brings_nothing_twice(
    world: World, owner: ClawBot, receiver: Receiver, simulator: Simulator
) -> None:
    api = await world.run(transport="ilink")
    said = []
    for number in range(3):
        said += [f"{number} running", f"{number} stopped"]
        owner.says(said[-2])
        await receiver.get(content=said[-2])
        await api.stop()
        owner.says(said[-1])
        api = await world.start(transport="ilink")
        await receiver.get(content=said[-1])
    assert [report["content"] for report in receiver.got(post_type="receive_message")] == said
    logins = await receiver.gets(4, event="login")
    assert [report["params"] for report in logins] == [[1], [0], [0], [0]]
    assert len(owner.bots) == 1
    assert len(simulator.calls_of("get_bot_qrcode")) == 1


async def test_a_second_poller_pauses_the_account(
    world: World, owner: ClawBot, receiver: Receiver, simulator: Simulator
) -> None:
    api = await world.run(transport="ilink", pace={"too_often_first_s": 1.0, "too_often_most_s": 1})
    simulator.ilink.second_poller = SecondPoller.OLDER_403
    rival = asyncio.ensure_future(_polls(world, owner))
    try:
        client = await api.has_reason("second_poller")
        assert client["state"] == "updating"
        assert "another program" in client["state_reason"]
    finally:
        rival.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await rival
    owner.says("and now?")
    await receiver.get(content="and now?")
    await api.reaches("running")


async def _polls(world: World, owner: ClawBot) -> None:
    """Poll as another program does that has the token."""
    url = f"{world.simulator.url}/ilink/bot/getupdates"
    headers = {
        "Authorization": f"Bearer {owner.bot.token}",
        "AuthorizationType": "ilink_bot_token",
        "iLink-App-Id": "bot",
        "iLink-App-ClientVersion": "132105",
        "X-WECHAT-UIN": "MTIzNA==",
    }
    body = {"get_updates_buf": "", "base_info": {"channel_version": "2.4.9"}}
    while True:
        async with world.http.post(url, json=body, headers=headers) as answer:
            assert answer.status in (200, 403)


async def test_the_service_that_asks_for_a_newer_client(
    gateway: Gateway, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    """The phone says so; the code expires, and another one is shown."""
    simulator.ilink.oldest_client = "9.0.0"
    await account.phone.scan()
    with pytest.raises(LookupError, match="updated"):
        account.phone.confirm()
    simulator.codes.expire_all()
    await shows_another_code(receiver)
