"""Login (reference, 2)."""

from __future__ import annotations

import asyncio
import json

from openwx.simulator import Account, Simulator
from tests.patience import PATIENCE_S

from .web_client import WebClient

DESKTOP = {"client-version": "2.0.0", "extspam": "Gp8ICJkIEpkICggwMDAw"}


async def test_scan_confirm_and_enter(web: WebClient, account: Account) -> None:
    uuid = await web.code()
    assert await web.poll(uuid) == "408"
    assert (await account.phone.scan()).uuid == uuid
    assert await web.poll(uuid) == "201"
    assert await web.poll(uuid, tip=0) == "408"
    account.phone.confirm()
    assert await web.poll(uuid, tip=0) == "200"
    assert web.page.startswith(web.url + "/cgi-bin/mmwebwx-bin/webwxnewloginpage?ticket=")
    xml = await web.enter()
    assert f"<wxuin>{account.uin}</wxuin>" in xml
    assert (await web.init())["User"]["Uin"] == account.uin


async def test_a_held_poll_answers_as_soon_as_the_phone_acts(
    web: WebClient, simulator: Simulator, account: Account
) -> None:
    simulator.settings.hold_s = 30
    uuid = await web.code()
    async with asyncio.timeout(PATIENCE_S):
        poll = asyncio.create_task(web.poll(uuid))
        await simulator.gets_call("login")
        await account.phone.scan()
        assert await poll == "201"
        poll = asyncio.create_task(web.poll(uuid, tip=0))
        await simulator.gets_call("login", 2)
        account.phone.cancel()
        assert await poll == "400"


async def test_a_lost_201_is_answered_again_to_tip_1(web: WebClient, account: Account) -> None:
    uuid = await web.code()
    await account.phone.scan()
    assert [await web.poll(uuid), await web.poll(uuid)] == ["201", "201"]


async def test_codes_expire(web: WebClient, simulator: Simulator) -> None:
    uuid = await web.code()
    simulator.codes.expire_all()
    assert await web.poll(uuid) == "400"
    simulator.settings.uuid_expiry_s, simulator.settings.hold_s = 0.02, 30
    async with asyncio.timeout(PATIENCE_S):
        assert await web.poll(await web.code()) == "400"
    assert await web.poll("never==") == "400"


async def test_jslogin_by_post_with_spaces_and_without_appid(web: WebClient) -> None:
    async with web.http.post(web.url + "/jslogin", data={"appid": "wx782c26e4c19acffb"}) as answer:
        assert "window.QRLogin.code = 200;" in await answer.text()
    assert "200" not in await web.get("/jslogin")


async def test_301_with_the_body_where_the_query_is_that_of_a_browser(
    web: WebClient, account: Account
) -> None:
    uuid = await web.code()
    await account.phone.logs_in()
    await web.poll(uuid)
    async with web.http.get(web.page, allow_redirects=False) as answer:
        assert answer.status == 301
        assert "<ret>0</ret>" in await answer.text()
        cookies = dict(c.split(";")[0].split("=", 1) for c in answer.headers.getall("Set-Cookie"))
    assert cookies["wxuin"] == str(account.uin)
    assert set(cookies) >= {"wxsid", "wxloadtime", "webwx_data_ticket", "webwxuvid", "mm_lang"}


async def test_a_refused_account(web: WebClient, account: Account) -> None:
    account.refuse_login(1203, "不能登录 <网页版>")
    uuid = await web.code()
    await account.phone.logs_in()
    await web.poll(uuid)
    xml = await web.enter()
    assert "<ret>1203</ret><message>不能登录 &lt;网页版&gt;</message>" in xml
    account.allow_login()
    assert "<ret>0</ret>" in await web.enter()


async def test_a_desktop_only_account_wants_the_desktop_headers(
    web: WebClient, account: Account
) -> None:
    account.desktop_only = True
    uuid = await web.code(redirect_uri="https://wx.qq.com/x?mod=desktop")
    await account.phone.logs_in()
    await web.poll(uuid)
    assert "<ret>1203</ret>" in await web.enter()
    assert "<ret>0</ret>" in await web.enter(**DESKTOP)


async def test_push_login_needs_no_scan_and_changes_the_ids(
    client: WebClient, account: Account
) -> None:
    before = {c["Alias"]: c["UserName"] for c in await client.contacts() if c["Alias"]}
    pushed = json.loads(await client.get("webwxpushloginurl", uin=account.uin))
    assert pushed["ret"] == "0"
    await account.phone.sees_push_login()
    assert await client.poll(pushed["uuid"]) == "408"
    account.phone.confirm()
    assert await client.poll(pushed["uuid"]) == "200"
    old = dict(client.base)
    await client.enter()
    await client.init()
    after = {c["Alias"]: c["UserName"] for c in await client.contacts() if c["Alias"]}
    assert set(after) == set(before)
    assert not set(after.values()) & set(before.values())
    assert client.base["Uin"] == old["Uin"]
    assert client.base["Sid"] != old["Sid"]


async def test_push_login_is_for_those_who_were_here_before(
    web: WebClient, account: Account
) -> None:
    answer = json.loads(await web.get("webwxpushloginurl", uin=account.uin))
    assert answer["ret"] != "0"


async def test_a_resumed_session_keeps_its_ids(client: WebClient) -> None:
    before = await client.id_of("小灰")
    assert (await client.init())["BaseResponse"]["Ret"] == 0
    assert await client.id_of("小灰") == before


async def test_several_accounts_scan_the_oldest_or_a_named_code(
    web: WebClient, simulator: Simulator
) -> None:
    second = simulator.add_account("second", friends=3, groups=0)
    first_code, second_code = await web.code(), await web.code()
    await second.phone.scan(second_code)
    await simulator.account().phone.scan()
    second.phone.confirm()
    simulator.account().phone.confirm()
    assert await web.poll(second_code) == "200"
    await web.enter()
    assert web.base["Uin"] == second.uin
    assert await web.poll(first_code) == "200"
    assert len(second.friends) == 3


async def test_the_qr_code_is_an_image(web: WebClient) -> None:
    uuid = await web.code()
    async with web.http.get(f"{web.url}/qrcode/{uuid}") as answer:
        assert answer.content_type == "image/png"
        assert (await answer.read()).startswith(b"\x89PNG")
    assert "pending" in await web.get(f"/l/{uuid}")


async def test_logout(client: WebClient) -> None:
    assert await client.get("webwxlogout", redirect=1, type=0, skey=client.base["Skey"]) == ""
    assert (await client.post("webwxsync"))["BaseResponse"]["Ret"] == 1100


async def test_a_newer_login_ends_the_older_one(
    client: WebClient, simulator: Simulator, account: Account
) -> None:
    newer = WebClient(simulator.url)
    await newer.log_in(account)
    await newer.http.close()
    assert (await client.check())[0] == "1101"
    assert (await client.sync())["BaseResponse"]["Ret"] == 1101


async def test_logged_out_on_the_phone_ends_a_held_poll(
    client: WebClient, simulator: Simulator, account: Account
) -> None:
    simulator.settings.hold_s = 30
    async with asyncio.timeout(PATIENCE_S):
        poll = asyncio.create_task(client.check())
        await account.comes_online()
        account.phone.logs_out_web()
        assert (await poll)[0] == "1100"


async def test_checks_of_sid_uin_skey_and_cookies(client: WebClient) -> None:
    async def ret(**change: object) -> int:
        base = {**client.base, **change}
        return int((await client.post("webwxinit", {"BaseRequest": base}))["BaseResponse"]["Ret"])

    good = client.base["Skey"]
    assert await ret(Skey="") == 0, "itchat sends an empty one"
    assert await ret(Uin=str(client.base["Uin"]), DeviceID="x") == 0
    assert await ret(Skey="@crypt_wrong") == 1101
    assert await ret(Uin=1) == 1101
    assert await ret(Sid="nonsense") == 1101
    assert await ret(Skey=good) == 0
    client.http.cookie_jar.clear()
    assert await ret() == 1102
    assert (await client.check())[0] == "1102"


async def test_the_skey_of_the_login_lives_until_that_of_init_was_used(
    web: WebClient, account: Account
) -> None:
    await web.log_in(account)
    new = web.base["Skey"]
    session = account.session
    assert session is not None
    old = session.skey
    assert old != new
    web.base["Skey"] = old
    assert (await web.sync())["BaseResponse"]["Ret"] == 0
    web.base["Skey"] = new
    assert (await web.sync())["BaseResponse"]["Ret"] == 0
    web.base["Skey"] = old
    assert (await web.sync())["BaseResponse"]["Ret"] == 1101


async def test_a_cookie_with_quotes_around_it_is_another_cookie(client: WebClient) -> None:
    cookies = {c.key: c.value for c in client.http.cookie_jar}
    client.http.cookie_jar.clear()
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    quoted = header.replace(cookies["wxsid"], f'"{cookies["wxsid"]}"')
    for sent, expected in ((header, 0), (quoted, 1101)):
        async with client.http.get(
            f"{client.url}/cgi-bin/mmwebwx-bin/webwxgetcontact", headers={"Cookie": sent}
        ) as answer:
            body = json.loads(await answer.read())
            assert body["BaseResponse"]["Ret"] == expected
