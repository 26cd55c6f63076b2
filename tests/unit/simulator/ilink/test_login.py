"""Logging in to the simulated iLink service: every state of a code, and what a login ends."""

from __future__ import annotations

import asyncio

import pytest

from openwx.simulator import Account, BotCode, ILinkOptions, Simulator
from tests.patience import PATIENCE_S

from .bot_client import APP, BotClient


async def test_a_scan_and_a_confirmation_make_a_bot(
    stranger: BotClient, account: Account, simulator: Simulator
) -> None:
    qrcode = await stranger.code()
    assert (await stranger.status(qrcode))["status"] == "wait"
    code = await account.phone.scan()
    assert isinstance(code, BotCode)
    assert code.uuid == qrcode
    assert (await stranger.status(qrcode))["status"] == "scaned"
    account.phone.confirm()
    answer = await stranger.status(qrcode)
    bot = account.clawbot.bot
    assert answer == {
        "ret": 0, "status": "confirmed", "bot_token": bot.token, "ilink_bot_id": bot.id,
        "ilink_user_id": account.clawbot.user_id, "baseurl": simulator.url,
    }  # fmt: skip
    assert bot.id.endswith("@im.bot")
    assert bot.token.startswith(f"{bot.id}:")
    assert account.clawbot.user_id.endswith("@im.wechat")


async def test_a_poll_is_held_until_the_scan(
    stranger: BotClient, account: Account, options: ILinkOptions
) -> None:
    options.hold_s = PATIENCE_S
    qrcode = await stranger.code()
    waiting = asyncio.create_task(stranger.status(qrcode))
    await account.phone.scan(qrcode)
    assert (await waiting)["status"] == "scaned"
    waiting = asyncio.create_task(stranger.status(qrcode))
    account.phone.confirm()
    assert (await waiting)["status"] == "confirmed"


async def test_the_token_is_told_once(
    stranger: BotClient, account: Account, options: ILinkOptions
) -> None:
    qrcode = await stranger.code()
    await account.phone.logs_in(qrcode)
    assert (await stranger.status(qrcode))["status"] == "confirmed"
    assert (await stranger.status(qrcode))["status"] == "expired"
    options.token_told_again = True
    assert (await stranger.status(qrcode))["bot_token"] == account.clawbot.bot.token


async def test_the_code_comes_by_get_too_and_needs_its_type(stranger: BotClient) -> None:
    async def asked(query: str, **headers: str) -> str:
        url = f"{stranger.url}/ilink/bot/get_bot_qrcode?{query}"
        async with stranger.http.get(url, headers=headers) as answer:
            return await answer.text()

    assert '"qrcode":' in await asked("bot_type=3", **APP)
    assert "invalid arguments" in await asked("bot_type=1", **APP)
    assert "-14" in await asked("bot_type=3")


async def test_codes_expire(
    stranger: BotClient, account: Account, options: ILinkOptions, simulator: Simulator
) -> None:
    qrcode = await stranger.code()
    await account.phone.scan(qrcode)
    simulator.codes.expire_all()
    assert (await stranger.status(qrcode))["status"] == "expired"
    with pytest.raises(LookupError, match="no login prompt"):
        account.phone.confirm()
    options.code_life_s, options.hold_s = 0.01, PATIENCE_S
    qrcode = await stranger.code()
    while (status := (await stranger.status(qrcode))["status"]) == "wait":
        pass
    assert status == "expired"
    assert (await stranger.status("nonsense"))["status"] == "expired"


async def test_a_cancelled_login_has_expired(stranger: BotClient, account: Account) -> None:
    qrcode = await stranger.code()
    await account.phone.scan(qrcode)
    account.phone.cancel()
    assert (await stranger.status(qrcode))["status"] == "expired"
    assert not account.clawbot.is_bound


async def test_the_digits_of_the_phone_are_wanted(
    stranger: BotClient, account: Account, options: ILinkOptions
) -> None:
    options.verify_code = True
    qrcode = await stranger.code()
    await account.phone.scan(qrcode)
    digits = await account.phone.sees_digits()
    assert len(digits) == 6
    assert (await stranger.status(qrcode))["status"] == "need_verifycode"
    with pytest.raises(LookupError, match=digits):
        account.phone.confirm()
    wrong = "000000" if digits != "000000" else "111111"
    assert (await stranger.status(qrcode, verify_code=wrong))["status"] == "need_verifycode"
    assert (await stranger.status(qrcode, verify_code=digits))["status"] == "scaned"
    account.phone.confirm()
    assert (await stranger.status(qrcode))["status"] == "confirmed"


async def test_wrong_digits_block_the_code(
    stranger: BotClient, account: Account, options: ILinkOptions
) -> None:
    options.verify_code, options.verify_tries = True, 2
    qrcode = await stranger.code()
    await account.phone.scan(qrcode)
    for status in ("need_verifycode", "verify_code_blocked", "verify_code_blocked"):
        assert (await stranger.status(qrcode, verify_code="1"))["status"] == status


async def test_another_data_centre_holds_the_login(
    stranger: BotClient, account: Account, options: ILinkOptions, simulator: Simulator
) -> None:
    options.redirect_host = simulator.redirect_host
    other = f"http://{simulator.redirect_host}"
    qrcode = await stranger.code()
    await account.phone.scan(qrcode)
    answer = await stranger.status(qrcode)
    assert answer["status"] == "scaned_but_redirect"
    assert answer["redirect_host"] == simulator.redirect_host
    assert (await stranger.status(qrcode, host=other))["status"] == "scaned"
    account.phone.confirm()
    answer = await stranger.status(qrcode, host=other)
    assert (answer["status"], answer["baseurl"]) == ("confirmed", other)


async def test_a_person_whose_bot_the_client_has_needs_no_new_one(
    bot: BotClient, account: Account
) -> None:
    qrcode = await bot.code("stale", bot.token)
    await account.phone.scan(qrcode)
    assert account.phone.shows() is None
    assert (await bot.status(qrcode))["status"] == "binded_redirect"
    assert (await bot.poll())["msgs"] == []
    account.clawbot.bot.goes_stale()
    qrcode = await bot.code(bot.token)
    await account.phone.logs_in(qrcode)
    bot.takes(await bot.status(qrcode))
    assert (await bot.poll())["msgs"] == []


async def test_a_second_login_ends_the_first(
    bot: BotClient, account: Account, simulator: Simulator, options: ILinkOptions
) -> None:
    first = account.clawbot.bot
    options.hold_s = PATIENCE_S
    waiting = asyncio.create_task(bot.poll())
    await account.clawbot.comes_online()
    second = BotClient(simulator.url)
    try:
        await second.log_in(account)
    finally:
        await second.http.close()
    assert (await waiting)["ret"] == -14
    assert second.user_id == bot.user_id
    assert second.bot_id != bot.bot_id
    assert (await bot.poll())["errcode"] == -14
    first.heals()
    options.hold_s = 0.01
    assert (await bot.poll())["ret"] == 0


async def test_an_old_client_is_scanned_but_not_confirmed(
    stranger: BotClient, account: Account, options: ILinkOptions
) -> None:
    options.oldest_client = "2.5.0"
    qrcode = await stranger.code()
    await account.phone.scan(qrcode)
    with pytest.raises(LookupError, match="updated"):
        account.phone.confirm()
    assert (await stranger.status(qrcode))["status"] == "scaned"
    options.oldest_client = "2.4.9"
    account.phone.confirm()
    assert (await stranger.status(qrcode))["status"] == "confirmed"


async def test_the_client_says_that_it_is_on(bot: BotClient, account: Account) -> None:
    for path, is_on in (("msg/notifystart", True), ("msg/notifystop", False)):
        assert (await bot.call(path))["ret"] == 0
        assert account.clawbot.bot.notified is is_on


async def test_phones_scan_and_confirm_by_themselves() -> None:
    options = ILinkOptions(hold_s=PATIENCE_S)
    async with Simulator(1, auto_scan=True, scan_delay_s=0, ilink=options) as simulator:
        for number in range(2):
            client = BotClient(simulator.url)
            try:
                qrcode = await client.code()
                while (answer := await client.status(qrcode))["status"] != "confirmed":
                    assert answer["status"] in ("wait", "scaned")
            finally:
                await client.http.close()
            # A bot that is bound stays: the second code is scanned by another phone.
            assert answer["ilink_user_id"] == simulator.account(number).clawbot.user_id


async def test_owners_write_now_and_then() -> None:
    options = ILinkOptions(hold_s=PATIENCE_S)
    async with Simulator(1, friends=0, groups=0, chatter_s=0.01, ilink=options) as simulator:
        client = BotClient(simulator.url)
        try:
            await client.log_in(simulator.account())
            for _ in range(2):
                assert await client.texts()
        finally:
            await client.http.close()
