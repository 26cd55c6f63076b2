"""What a newcomer runs first: the demo, and the example in ``examples/``."""

import signal
import socket
from pathlib import Path

import aiohttp
import msgspec

from . import quick
from .typed import Typed
from .world import Start

ROOT = Path(__file__).parents[2]
DEMO = ("serve", "--demo", "--port", "0")


async def test_demo_shows_a_login_a_message_a_reply_and_curl_lines(openwx: Start) -> None:
    demo = await openwx(*DEMO, program=quick.PROGRAM)
    await demo.says(r"Its phone, in your browser:  http://127.0.0.1:\d+/$")
    await demo.says("scan this QR code")
    await demo.says("the phone scans")
    await demo.says("confirms the login")
    await demo.says("updating → running")
    await demo.says(r"← \[小灰\] 小灰: 在吗？")
    await demo.says("post_api got “在吗？.*and answers")
    await demo.says(r"→ \[小灰\] 我 .*你好，小灰！")
    await demo.says(r"← \[群 PERL学习交流\]")
    found = await demo.says(r"curl '(http://[^']+/send_friend_message[^']+)'")
    async with aiohttp.ClientSession() as http, http.get(found[1]) as answer:
        assert msgspec.json.decode(await answer.read())["code"] == 0
    await demo.says("on the phone of 小灰 appears “hello”")
    demo.process.send_signal(signal.SIGINT)
    code, _, err = await demo.ends()
    assert code == 0
    assert "Traceback" not in err


async def test_demo_of_ilink_shows_a_scan_a_message_a_reply_and_curl_lines(openwx: Start) -> None:
    demo = await openwx(*DEMO, "--transport", "ilink", program=quick.PROGRAM)
    phone = (await demo.says(r"Its phone, in your browser:  (http://\S+)/$"))[1]
    await demo.says("the phone scans the code")
    await demo.says("confirms the login")
    await demo.says("updating → running")
    await demo.says("post_api got “在吗？.*and answers")
    await demo.says("in the chat 微信 ClawBot appears “你好！收到：在吗？")
    seen = None
    async with aiohttp.ClientSession() as http:
        for what in (
            r"get_user_info",
            r"send_friend_message[^']+",
            r"check_client",
            r"check_event[^']+",
        ):
            found = await demo.says(rf"curl '(http://[^']+/openwx/{what})'")
            async with http.get(found[1]) as answer:
                seen = msgspec.json.decode(await answer.read())
                assert answer.status == 200, seen
        assert isinstance(seen, list), "check_event is the last one"
        said = {"text": "你好，机器人"}
        async with http.post(f"{phone}/_simulator/clawbot/says", json=said) as answer:
            assert answer.status == 200, await answer.text()
    await demo.says("in the chat 微信 ClawBot appears “hello”")
    await demo.says("in the chat 微信 ClawBot appears “你好！收到：你好，机器人”")
    demo.process.send_signal(signal.SIGINT)
    code, _, err = await demo.ends()
    assert code == 0
    assert "Traceback" not in err


async def test_a_transport_is_chosen_for_the_demo_alone(typed: Typed) -> None:
    code, _, err = await typed("serve", "--transport", "ilink")
    assert code == 2
    assert "set transport under [accounts.NAME]" in err


async def test_a_person_scans_and_writes_on_the_phone_page_of_the_demo(openwx: Start) -> None:
    demo = await openwx(*DEMO)  # its usual delays leave a person the time to be first
    url = (await demo.says(r"Its phone, in your browser:  (http://\S+)/$"))[1]
    control = f"{url}/_simulator"
    async with aiohttp.ClientSession() as http:

        async def does(verb: str, **what: str) -> None:
            async with http.post(f"{control}/{verb}", json=what) as answer:
                assert answer.status == 200, await answer.text()

        # As long as the page is open, nobody else is in a hurry to scan and confirm.
        async with http.get(f"{control}/changes") as page:
            await page.content.readline()
            await does("phone/scan")
            await demo.says("the phone scans the code")
            await does("phone/cancel")
            await demo.says("and cancels the login")
            await does("phone/scan")
            await does("phone/confirm")
            await demo.says("and confirms the login")
            await demo.says("updating → running")
            await does("friend/says", friend="momo", text="你好，网关")
            await demo.says("post_api got “你好，网关”")
            await does("account/asks_to_be_friends", name="路人", words="你好")
            await demo.says("post_api got the event friend_request")
            await does("phone/logs_out_web")
            await demo.says("the phone is asked to confirm")
            await does("phone/confirm")
            await demo.says("updating → running")
            demo.process.send_signal(signal.SIGINT)
            code, _, err = await demo.ends()
    assert code == 0
    assert "Traceback" not in err


async def test_a_second_account_of_the_demo_is_scanned_by_another_phone(openwx: Start) -> None:
    demo = await openwx(*DEMO, program=quick.PROGRAM)
    url = (await demo.says(r"Its console, in your browser:  (http://\S+)/$"))[1]
    await demo.says("default: updating → running")
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{url}/openwx/start_client?client=shop") as answer:
            assert msgspec.json.decode(await answer.read())["code"] == 0
        await demo.says("another phone scans the code")
        await demo.says("shop: updating → running")
        async with http.get(f"{url}/openwx/check_client") as answer:
            reply = msgspec.json.decode(await answer.read())["client"]
    assert [one["state"] for one in reply] == ["running", "running"]


async def test_demo_takes_another_port_only_where_none_was_asked_for(openwx: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = await (await openwx("serve", "--demo", "--port", str(port))).ends(30)
        assert code == 2
        assert f"127.0.0.1:{port} is taken by another program" in err.splitlines()[-1]
