"""The phone page over HTTP: access to it and to its API, and what the API shows of the chats.

In a browser: `tests/browser/test_phone_page.py`.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.conversations import KINDS, SHARES
from openwx.simulator.media import JPEG, PNG
from openwx.simulator.page import FILES
from tests.control import Control
from tests.patience import PATIENCE_S

from .web_client import WebClient

PAGE = "/_simulator/phone"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def status(web: WebClient, path: str, method: str = "GET", **headers: str) -> int:
    async with web.http.request(method, web.url + path, headers=headers, json={}) as answer:
        return answer.status


# Who gets the page


async def test_a_browser_is_led_to_the_page_and_a_client_is_not(web: WebClient) -> None:
    async with web.http.get(f"{web.url}/", headers=BROWSER) as answer:
        assert answer.url.path == PAGE
        assert answer.content_type == "text/html"
    for accept in ("*/*", "application/json, text/plain, */*"):
        async with web.http.get(f"{web.url}/", headers={"Accept": accept}) as answer:
            assert (answer.status, answer.url.path) == (200, "/")


async def test_the_page_runs_its_own_scripts_alone(web: WebClient) -> None:
    async with web.http.get(web.url + PAGE) as answer:
        html, policy = await answer.text(), answer.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    for inline in ("<style", "style=", "onclick", "http://", "https://"):
        assert inline not in html
    for name in ("phone.js", "words.js", "phone.css", "icons.svg"):
        assert await status(web, f"/_simulator/page/{name}") == 200


def test_every_word_is_there_in_both_languages() -> None:
    words = (FILES / "words.js").read_text(encoding="utf-8")
    pairs = re.findall(r'(\w+): \[("[^\]]+"),\s+("[^\]]+")\]', words)
    known = {name for name, _, _ in pairs}
    assert len(known) == len(pairs) > 100
    scripts = [path.read_text(encoding="utf-8") for path in FILES.glob("*.js")]
    used = {name for script in scripts for name in re.findall(r'\bt\("(\w+)"', script)}
    faults = {fault.value for fault in Fault}
    assert used | faults | {*KINDS.values(), *SHARES.values(), "other"} <= known
    for name, english, chinese in pairs:
        assert re.findall(r"\{\d\}", english) == re.findall(r"\{\d\}", chinese), name
        plain = name in ("seconds", "ret_code", "server_error")
        assert plain or re.search(r"[\u4e00-\u9fff]", chinese), name


# Who may use the API


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example"},
        {"Host": "127.0.0.1.example:80"},
        {"Host": ""},
        {"Host": "[::1"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_other_pages_cannot_use_it(
    web: WebClient, account: Account, headers: dict[str, str]
) -> None:
    for method, path in (("POST", "friend/says"), ("GET", "state"), ("GET", "changes")):
        async with web.http.request(
            method, f"{web.url}/_simulator/{path}", headers=headers, json={"friend": "小灰"}
        ) as answer:
            assert answer.status == 403
            assert next(iter(headers)) in (await answer.json())["error"]
    assert not account.timeline


async def test_the_page_itself_and_programs_can(web: WebClient) -> None:
    own = {"Origin": web.url, "Sec-Fetch-Site": "same-origin"}
    assert await status(web, "/_simulator/codes/expire", "POST", **own) == 200
    for host in ("localhost:3080", "127.0.0.1", "[::1]:3080", "wechat.localhost", "simulator:3080"):
        assert await status(web, "/_simulator/codes/expire", "POST", Host=host) == 200
    # A link from elsewhere may lead to the page; no form or script of elsewhere may use the API.
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert await status(web, PAGE, **link) == 200
    assert await status(web, "/_simulator/codes/expire", "POST", **link) == 403


async def test_the_service_itself_is_asked_under_any_name(web: WebClient) -> None:
    assert await status(web, "/jslogin?appid=x", Host="login.wx.qq.com", Origin="https://x") == 200


# What it shows


async def test_a_chat_holds_both_directions_in_order(
    control: Control, client: WebClient, account: Account
) -> None:
    friend = account.friend("momo")
    friend.says("在吗？<b>")
    await client.send("filehelper", "elsewhere", "1")
    assert account.session is not None
    sent = await client.send(account.session.id_of(friend), "在", "2")
    account.phone.says(friend, "打字慢")
    friend.sends_image(JPEG)
    chat = await control.get("chat", friend="momo")
    assert chat["name"] == "李老师（数学）"
    assert [(m["by"], m["kind"], m["text"]) for m in chat["messages"]] == [
        ("other", "text", "在吗？<b>"),
        ("web", "text", "在"),
        ("phone", "text", "打字慢"),
        ("other", "image", ""),
    ]
    assert chat["messages"][1]["msg_id"] == sent["MsgID"]
    assert not chat["messages"][0]["taken"]
    await client.sync()
    assert (await control.get("chat", friend="momo"))["messages"][0]["taken"]


async def test_a_long_chat_comes_in_parts(control: Control, account: Account) -> None:
    friend = account.friend("小灰")
    for number in range(7):
        friend.says(str(number))

    async def part(**asked: Any) -> tuple[list[str], bool]:
        chat = await control.get("chat", friend="小灰", limit=3, **asked)
        return [message["text"] for message in chat["messages"]], chat["more"]

    assert await part() == (["4", "5", "6"], True)
    fourth = (await control.get("chat", friend="小灰", limit=3))["messages"][0]["msg_id"]
    assert await part(before=fourth) == (["1", "2", "3"], True)
    assert "before" in (await control.get("chat", friend="小灰", before="soon"))["error"]


async def test_unread_until_the_owner_looks_or_writes(control: Control, account: Account) -> None:
    friend, group = account.friend("小灰"), account.group("PERL学习交流")

    async def unread() -> dict[str, int]:
        return {chat["name"]: chat["unread"] for chat in await control.get("chats")}

    friend.says("1")
    friend.says("2")
    group.member_says(group.others[0], "3")
    group.notice("nobody counts notices")
    now = await unread()
    assert (now["小灰"], now["PERL学习交流"]) == (2, 1)
    await control.post("phone/opens", friend="小灰")
    await control.post("phone/says", group="PERL学习交流", text="4")
    now = await unread()
    assert (now["小灰"], now["PERL学习交流"]) == (0, 0)
    friend.says("5")
    await control.post("phone/leaves", friend="小灰")
    assert (await unread())["小灰"] == 0


async def test_chats_are_sorted_by_their_last_message(control: Control, account: Account) -> None:
    account.friend("momo").says("1")
    account.friend("小灰").says("2")
    first, second, *_ = await control.get("chats")
    assert (first["name"], first["last"]["text"]) == ("小灰", "2")
    assert second["name"] == "李老师（数学）"
    (found,) = await control.get("chats", search="perl")
    assert found["name"] == "PERL学习交流"
    nameless = account.groups[2]
    assert {chat["key"]: chat for chat in await control.get("chats")}[nameless.key]["name"]
    assert len(await control.get("chats", limit=2)) == 2


async def test_what_was_taken_back_is_marked(
    control: Control, client: WebClient, account: Account
) -> None:
    sent = await client.send("filehelper", "1")
    said = account.friend("小灰").says("2")
    await control.post("friend/recalls", friend="小灰", msg_id=said.msg_id)
    await control.post("phone/recalls", msg_id=sent["MsgID"])
    for chat in ({"friend": "小灰"}, {"friend": "filehelper"}):
        (message,) = (await control.get("chat", **chat))["messages"]
        assert message["revoked"]


async def test_every_kind_is_shown(control: Control, account: Account) -> None:
    friend = account.friend("小灰")
    friend.sends_voice(b"", seconds=4)
    friend.sends_location("腾讯大厦")
    friend.sends_link("a & b", url="https://example.com/?a=1&b=2")
    friend.sends_file("a.txt", b"hello")
    friend.transfers(8.88)
    account.asks_to_be_friends("客人", "你好")
    voice, place, link, file, money = (await control.get("chat", friend="小灰"))["messages"]
    assert (voice["kind"], voice["seconds"]) == ("voice", 4)
    assert (place["kind"], place["text"]) == ("location", "腾讯大厦")
    assert (link["kind"], link["url"]) == ("link", "https://example.com/?a=1&b=2")
    assert (file["kind"], file["file_name"], file["medium"]["size"]) == ("file", "a.txt", 5)
    assert (money["kind"], money["text"]) == ("transfer", "￥8.88")
    (request,) = (await control.get("chat", friend="fmessage"))["messages"]
    assert request["request"] == {"name": "客人", "accepted": False}
    await control.post("phone/accepts", name="客人")
    assert account.friend("客人").is_friend
    (request,) = (await control.get("chat", friend="fmessage"))["messages"]
    assert request["request"]["accepted"]
    for name in ("客人", "nobody"):
        assert "did not ask" in (await control.post("phone/accepts", name=name))["error"]


async def test_attachments(client: WebClient, account: Account) -> None:
    friend = account.friend("小灰")

    async def fetched(msg_id: str, **headers: str) -> tuple[int, bytes, Any]:
        url = f"{client.url}/_simulator/attachment"
        async with client.http.get(url, params={"msg_id": msg_id}, headers=headers) as answer:
            return answer.status, await answer.read(), answer.headers

    code, data, headers = await fetched(friend.sends_image(JPEG).msg_id)
    assert (code, data, headers["Content-Type"]) == (200, JPEG, "image/jpeg")
    assert "Content-Disposition" not in headers
    page = b"<script>alert(1)</script>"
    code, data, headers = await fetched(friend.sends_file("页.html", page).msg_id)
    assert (code, data, headers["Content-Type"]) == (200, page, "application/octet-stream")
    assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''%E9%A1%B5.html"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    code, data, headers = await fetched(friend.sends_image(PNG).msg_id, Range="bytes=0-3")
    assert (code, data) == (206, PNG[:4])
    assert (await fetched(friend.says("no medium").msg_id))[0] == 404
    assert (await fetched("1"))[0] == 404
    assert await status(client, "/_simulator/attachment") == 404


async def test_the_login_code_is_no_call_of_a_client(web: WebClient, simulator: Simulator) -> None:
    uuid = await web.code()
    url = f"{web.url}/_simulator/login_code"
    async with web.http.get(url, params={"uuid": uuid}) as answer:
        assert (await answer.read()).startswith(b"\x89PNG")
    async with web.http.get(url, params={"uuid": "x"}) as answer:
        assert answer.status == 404
    assert not simulator.calls_of("qrcode")


# What is done with it


async def test_groups(control: Control, account: Account) -> None:
    group = account.group("PERL学习交流")
    made = await control.post("group/add", name="爬山", members=["小灰", "生人"])
    assert made["members"] == 3
    by, friend = group.others[0], account.add_friend("新朋友")
    await control.post("group/add_member", group=group.name, member="新朋友", by=by.nickname)
    assert group.members[friend.key].person is friend
    notice = (await control.get("chat", group=group.name))["messages"][-1]
    assert (notice["kind"], notice["speaker"]) == ("notice", None)
    assert notice["text"].startswith(f'"{by.shown_name}"邀请')
    again = await control.post("group/add_member", group=group.name, member=str(friend.key))
    assert "already" in again["error"]
    mine = str(account.owner.key)
    await control.post("group/rename", group=group.name, name="新群名", by=mine)
    last = (await control.get("chat", group="新群名"))["messages"][-1]
    assert last["text"] == "你修改群名为“新群名”"
    wrong = await control.post("group/member_recalls", group="新群名", msg_id=last["msg_id"])
    assert "not written by a member" in wrong["error"]
    await control.post("phone/leaves_group", group="新群名")
    assert group not in account.groups
    assert "error" in await control.get("chat", group="新群名")


async def test_a_session_ends_with_a_ret(control: Control, client: WebClient) -> None:
    await control.post("account/ends_session", ret=1101)
    assert (await client.sync())["BaseResponse"]["Ret"] == 1101


# The stream


@pytest.fixture
async def changes(web: WebClient) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """Yield the events of the stream of changes."""
    async with web.http.get(f"{web.url}/_simulator/changes") as answer:
        assert answer.content_type == "text/event-stream"

        async def events() -> AsyncIterator[dict[str, Any]]:
            async for line in answer.content:
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])

        yield events()


async def test_the_stream_publishes_changes(
    changes: AsyncIterator[dict[str, Any]], simulator: Simulator, account: Account
) -> None:
    async with asyncio.timeout(PATIENCE_S):
        first = await anext(changes)
        account.friend("小灰").says("hi")
        second = await anext(changes)
        assert second["accounts"] != first["accounts"]
        assert second["login"] == first["login"]
        simulator.codes.new(desktop=False)
        third = await anext(changes)
        assert third["login"] != second["login"]
        assert third["accounts"] == second["accounts"]
        simulator.add_account()
        assert len((await anext(changes))["accounts"]) == 2


async def test_a_stream_ends_with_the_simulator_and_with_its_reader(web: WebClient) -> None:
    async with Simulator(1, friends=1, groups=0) as other, aiohttp.ClientSession() as http:
        world = other.world
        async with http.get(f"{other.url}/_simulator/changes") as answer:
            await answer.content.readline()
            assert world.watchers == 1
        assert await world.pulse.until(lambda: not world.watchers, 10)
        answer = await http.get(f"{other.url}/_simulator/changes")
        async with asyncio.timeout(PATIENCE_S):
            await other.close()
            await answer.read()


async def test_who_watches_may_scan_first() -> None:
    async with (
        asyncio.timeout(PATIENCE_S),
        Simulator(1, auto_scan=True, scan_delay_s=0.05, person_s=30) as simulator,
        aiohttp.ClientSession() as http,
    ):
        phone, codes = simulator.account().phone, simulator.codes
        async with http.get(f"{simulator.url}/_simulator/changes") as answer:
            await answer.content.readline()
            code = codes.new(desktop=False)
            assert not await codes.pulse.until(lambda: code.state != "pending", 0.5)
            await phone.scan(code.uuid)
            phone.cancel()
            later = codes.new(desktop=False)
        # The page was closed: the phone does by itself what it waited with.
        assert await codes.pulse.until(lambda: later.state == "confirmed", 10)
        assert code.state == "refused"
