"""The console over HTTP: access, pages, and forms."""

import asyncio
import logging
import re
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp import web

from openwx.api.disconnect import has_begun
from openwx.config import AccessSettings, AccountSettings, Settings
from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.media import JPEG
from tests.patience import PATIENCE_S, until
from tests.rows import rows

from .visitor import Comes, Page, Visitor
from .world import Gateway, Receiver, World

TOKEN = "a-token-that-nobody-guesses"
ACCOUNT = "/console/accounts/default"
PAGES = ["", "/chats", "/search", "/search?q=a", "/contacts", "/contacts?kind=groups", "/feed", "/deliveries",
         "/deliveries?state=waiting", "/deliveries?state=delivered"]  # fmt: skip
FORMS = [
    f"{ACCOUNT}{path}"
    for path in (
        "/chat",
        "/mark-read",
        "/contacts/refresh",
        "/start",
        "/stop",
        "/verify-code",
        "/ilink",
        "/deliveries/retry",
        "/deliveries/drop",
    )
]
FORMS += [
    "/console/logout",
    "/console/language",
    "/console/login",
    "/console/hide-token-hint",
]


def with_token(world: World) -> Settings:
    return world.settings().model_copy(update={"access": AccessSettings(token=TOKEN)})


# -- access ---------------------------------------------------------------------------------------------


async def test_the_root_leads_to_the_console(visitor: Visitor) -> None:
    page = await visitor.open("/")
    assert page.url.endswith(ACCOUNT)
    assert "Running" in page.text


@pytest.mark.parametrize("path", ["/console", *(ACCOUNT + page for page in PAGES), f"{ACCOUNT}/live",
                                  f"{ACCOUNT}/avatar?id=x", f"{ACCOUNT}/media/1", f"{ACCOUNT}/qrcode"])  # fmt: skip
async def test_with_a_token_nothing_is_shown_before_the_log_in(
    world: World, comes: Comes, path: str
) -> None:
    visitor = comes(await world.start(settings=with_token(world)))
    page = await visitor.ask("GET", path, allow_redirects=False)
    assert page.status == 303
    assert page.headers["Location"].startswith("/console/login")
    assert page.body == b""


@pytest.mark.parametrize("path", FORMS)
async def test_no_form_is_taken_without_its_key(world: World, comes: Comes, path: str) -> None:
    visitor = comes(await world.start(settings=with_token(world)))
    await visitor.logs_in(TOKEN)
    for given in ({}, {"form_key": ""}, {"form_key": "0" * 64}):
        page = await visitor.ask("POST", path, data=given)
        assert page.status == 403, page.text
        assert "This form has expired" in page.text


async def test_a_form_key_is_good_for_its_own_session_alone(world: World, comes: Comes) -> None:
    gateway = await world.start(settings=with_token(world))
    one, other = comes(gateway), comes(gateway)
    await one.logs_in(TOKEN)
    await other.logs_in(TOKEN)
    key = (await other.open("/console")).form_key
    page = await one.ask("POST", "/console/logout", data={"form_key": key})
    assert page.status == 403


async def test_log_in_and_out(world: World, comes: Comes) -> None:
    visitor = comes(await world.start(settings=with_token(world)))
    await visitor.open("/console/accounts/default/feed")
    assert visitor.here is not None
    assert visitor.here.values("next")[-1] == "/console/accounts/default/feed"
    wrong = await visitor.submits("/console/login", token="a-guess")
    assert (wrong.status, "Wrong token." in wrong.text) == (401, True)
    form = {
        "form_key": visitor.here.form_key,
        "token": TOKEN,
        "next": "/console/accounts/default/feed",
    }
    page = await visitor.ask("POST", "/console/login", data=form, allow_redirects=False)
    assert page.headers["Location"] == "/console/accounts/default/feed"
    cookie = page.headers["Set-Cookie"]
    assert re.search(r"openwx_console_\d+=[\w-]{43};", cookie)
    assert {"HttpOnly", "SameSite=Strict", "Path=/console"} <= set(cookie.split("; "))
    assert TOKEN not in cookie
    assert "Secure" not in cookie

    kept = {morsel.key: morsel.value for morsel in visitor.jar}
    assert (await visitor.open("/console/accounts/default/feed")).status == 200
    await visitor.submits("/console/logout")
    again = await visitor.ask("GET", "/console", cookies=kept, allow_redirects=False)
    assert again.headers["Location"] == "/console/login"


async def test_neither_token_nor_cookie_is_logged(
    world: World, comes: Comes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    visitor = comes(await world.start(settings=with_token(world)))
    await visitor.open("/console/login")
    await visitor.submits("/console/login", token="a-wrong-guess")
    await visitor.logs_in(TOKEN)
    await visitor.open(ACCOUNT)
    assert caplog.records
    cookies = [morsel.value for morsel in visitor.jar]
    for secret in (TOKEN, "a-wrong-guess", *cookies):
        assert secret not in caplog.text


async def test_the_cookie_is_secure_where_the_browser_came_by_https(
    world: World, comes: Comes
) -> None:
    gateway = await world.start(settings=with_token(world))
    visitor = comes(gateway)
    key = (await visitor.open("/console/login")).form_key
    origin = {"Origin": gateway.url.replace("http://", "https://")}
    page = await visitor.ask(
        "POST", "/console/login", data={"form_key": key, "token": TOKEN}, headers=origin,
        allow_redirects=False,
    )  # fmt: skip
    assert "Secure" in page.headers["Set-Cookie"]


async def test_guessing_the_token_becomes_slow_but_the_right_one_is_let_in(
    world: World, comes: Comes
) -> None:
    visitor = comes(await world.start(settings=with_token(world)))
    await visitor.open("/console/login")
    for _ in range(5):
        assert (await visitor.submits("/console/login", token="a-guess")).status == 401
    page = await visitor.submits("/console/login", token="a-guess")
    assert page.status == 429
    assert "Too many wrong tokens" in page.text
    assert int(page.headers["Retry-After"]) >= 1
    page = await visitor.submits("/console/login", token=TOKEN)
    assert page.status == 200
    assert "Too many wrong tokens" not in page.text
    assert (await visitor.open("/console")).status == 200


NOT_OURS = ["https://evil.example/", "//evil.example", "/console//../x", "/console/%2e%2e/openwx/stop_client",
            "/openwx/stop_client", "javascript:alert(1)", "/console\\@evil.example", "/consoled"]  # fmt: skip


@pytest.mark.parametrize("wanted", NOT_OURS)
async def test_the_log_in_leads_nowhere_else(world: World, comes: Comes, wanted: str) -> None:
    visitor = comes(await world.start(settings=with_token(world)))
    key = (await visitor.open("/console/login")).form_key
    form = {"form_key": key, "token": TOKEN, "next": wanted}
    page = await visitor.ask("POST", "/console/login", data=form, allow_redirects=False)
    assert page.headers["Location"] == "/console"


async def test_the_token_in_the_address_opens_nothing(world: World, comes: Comes) -> None:
    visitor = comes(await world.start(settings=with_token(world)))
    page = await visitor.ask("GET", f"/console?token={TOKEN}", allow_redirects=False)
    assert page.status == 303


async def test_pages_of_others_get_nothing(visitor: Visitor) -> None:
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    key = (await visitor.open("/console")).form_key
    page = await visitor.ask("POST", f"{ACCOUNT}/stop", data={"form_key": key}, headers=foreign)
    assert page.status == 403
    page = await visitor.ask("GET", ACCOUNT, headers=foreign)
    assert page.status == 403
    page = await visitor.ask("GET", ACCOUNT, headers={"Host": "evil.example"})
    assert page.status == 403
    assert "access.allowed_hosts can list it" in page.text


async def test_a_link_on_another_page_leads_here(visitor: Visitor) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document",
            "Referer": "https://example.org/"}  # fmt: skip
    assert (await visitor.open("/", headers=link)).status == 200
    framed = link | {"Sec-Fetch-Dest": "iframe"}
    assert (await visitor.open("/", headers=framed)).status == 403


# -- what every page has in common -----------------------------------------------------------------------


def is_proper(page: Page) -> None:
    """Headers, and no script, style or address of another's."""
    csp = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in csp
    assert "unsafe" not in csp
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", page.html)
    assert not [
        link
        for link in page.links()
        if not link.startswith(("/console", "/openapi", "/docs", "#", "?"))
    ]


@rows("path", PAGES)
async def test_every_page_while_it_runs(visitor: Visitor, path: str) -> None:
    page = await visitor.open(ACCOUNT + path)
    assert page.status == 200, page.text
    is_proper(page)


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_before_the_log_in_at_wechat(
    world: World, comes: Comes, path: str
) -> None:
    gateway = await world.start()
    await gateway.reaches("scaning")
    page = await comes(gateway).open(ACCOUNT + path)
    assert page.status == 200, page.text
    is_proper(page)
    assert "Scan the code with WeChat" in page.text


NOT_THERE = ["/chat?id=@nobody", "/chat", "/delivery?id=9999", "/contact?id=%3Cscript%3E", "/media/77", "/media/x",
             "/feed?before=x", "x", "/nothing"]  # fmt: skip


@rows("path", NOT_THERE)
async def test_what_is_not_there_is_reported_in_a_page(visitor: Visitor, path: str) -> None:
    page = await visitor.open(ACCOUNT + path)
    assert page.status in (400, 404)
    is_proper(page)
    assert "That did not work" in page.text
    assert "<script>" not in page.html.replace("<script src", "")


async def test_chinese_by_the_browser_and_by_choice(api: Gateway, comes: Comes) -> None:
    visitor = comes(api, "zh-CN,zh;q=0.9,en;q=0.5")
    page = await visitor.open(ACCOUNT)
    assert "运行中" in page.text
    assert 'lang="zh-CN"' in page.html
    await visitor.submits("/console/language", language="en", next=ACCOUNT)
    assert "Running" in (await visitor.open(ACCOUNT)).text


# -- how it is -------------------------------------------------------------------------------------------


async def test_the_code_is_shown_until_it_is_scanned(
    world: World, account: Account, comes: Comes
) -> None:
    gateway = await world.start()
    await gateway.reaches("scaning")
    visitor = comes(gateway)
    page = await visitor.open(ACCOUNT)
    assert "Open WeChat on your phone." in page.text
    (address,) = [link for link in page.links() if "/qrcode" in link]
    code = await visitor.open(address)
    assert code.headers["Content-Type"] == "image/png"
    assert code.body == (await gateway.get("get_qrcode")).body
    await account.phone.scan()
    await visitor.until(ACCOUNT, "Confirm on your phone")
    account.phone.confirm()
    page = await visitor.until(ACCOUNT, "Logged in as")
    assert "/qrcode" not in page.html
    assert (await visitor.open(address)).status == 404


class Streamed:
    """The events of a page: names and HTML, read as a browser does."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        self._answer = answer
        self.last_id = ""

    async def hears(self, name: str, words: str) -> str:
        """Wait for an event of that name with these words in it."""
        heard: dict[str, str] = {"data": ""}
        async with asyncio.timeout(PATIENCE_S):
            while True:
                line = (await self._answer.content.readline()).decode()
                assert line, "the stream ended"
                field, _, value = line.rstrip("\n").partition(": ")
                if field == "data":
                    heard["data"] += value + "\n"
                elif field:
                    heard[field] = value
                elif heard.get("event") == name and words in heard["data"]:
                    self.last_id = heard.get("id", self.last_id)
                    return heard["data"]
                else:
                    heard = {"data": ""}


async def test_the_stream_of_a_conversation_shows_its_own_messages(
    visitor: Visitor, account: Account, receiver: Receiver
) -> None:
    page = await chat_with(visitor, "小灰")
    (address,) = re.findall(r'sse-connect="([^"]*)"', page.html)
    path = visitor.url + address.replace("&amp;", "&")
    account.friend("小灰").says("before anybody listens")
    await receiver.get(content="before anybody listens")
    async with visitor.http.get(path) as answer:
        stream = Streamed(answer)
        await stream.hears("message", "before anybody listens")
        account.friend("momo").says("of another chat")
        account.friend("小灰").says("and now")
        html = await stream.hears("message", "")
        assert "and now" in html
    account.friend("小灰").says("meanwhile")
    async with visitor.http.get(path, headers={"Last-Event-ID": stream.last_id}) as answer:
        assert "meanwhile" in await Streamed(answer).hears("message", "")


async def test_the_stream_ends_with_the_session(world: World, comes: Comes) -> None:
    gateway = await world.start(settings=with_token(world))
    visitor = comes(gateway)
    await visitor.logs_in(TOKEN)
    await visitor.open(ACCOUNT)
    async with visitor.http.get(f"{gateway.url}{ACCOUNT}/live?view=feed") as answer:
        await Streamed(answer).hears("pill", "")
        await visitor.submits("/console/logout")
        async with asyncio.timeout(PATIENCE_S):
            while await answer.content.readline():
                pass


async def test_a_browser_that_leaves_before_the_stream_begins_is_no_failure(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="openwx.web")

    async def leaves(response: web.StreamResponse, request: web.BaseRequest) -> bool:
        assert request.transport is not None
        request.transport.abort()
        return await has_begun(response, request)

    monkeypatch.setattr("openwx.console.live.has_begun", leaves)
    await visitor.open(ACCOUNT)
    with pytest.raises(aiohttp.ClientError):
        await visitor.http.get(f"{visitor.url}{ACCOUNT}/live?view=feed")
    await until(lambda: "disconnected before" in caplog.text)
    assert [one.getMessage() for one in caplog.records if one.levelno > logging.INFO] == []


async def test_the_stream_shows_what_changes(world: World, account: Account, comes: Comes) -> None:
    gateway = await world.start()
    await gateway.reaches("scaning")
    visitor = comes(gateway)
    async with asyncio.timeout(PATIENCE_S):
        async with visitor.http.get(f"{gateway.url}{ACCOUNT}/live?view=overview") as stream:
            assert stream.headers["Content-Type"].startswith("text/event-stream")
            seen = ""
            scanned = False
            while "Logged in as" not in seen:
                seen += (await stream.content.readline()).decode()
                if "/qrcode" in seen and not scanned:
                    scanned = True
                    await account.phone.logs_in()


async def test_why_it_stopped_and_how_to_start_it(
    world: World, simulator: Simulator, comes: Comes
) -> None:
    one = AccountSettings.model_validate({"base_url": simulator.url, "send_interval": 0})
    settings = world.settings().model_copy(update={"accounts": {"shop": one, "home": one}})
    gateway = await world.start(settings=settings)
    visitor = comes(gateway)
    page = await visitor.open("/")
    assert {"shop", "home"} <= set(page.text.split())
    page = await visitor.open("/console/accounts/shop")
    assert {"/console/accounts/shop", "/console/accounts/home"} <= set(page.links())
    await visitor.submits("/console/accounts/shop/stop")
    page = await visitor.until("/console/accounts/shop", "Stopped on request")
    assert "Start it again" in page.text
    for path in PAGES:
        page = await visitor.open(f"/console/accounts/shop{path}")
        assert page.status == 200, page.text
        is_proper(page)
    await visitor.open("/console/accounts/shop")
    await visitor.submits("/console/accounts/shop/start")
    await visitor.until("/console/accounts/shop", "Scan the code")


async def test_the_only_account_is_not_stopped_from_here(visitor: Visitor) -> None:
    await visitor.open(ACCOUNT)
    page = await visitor.submits(f"{ACCOUNT}/stop")
    assert "stopping it ends openwx" in page.text


# -- people ----------------------------------------------------------------------------------------------


async def test_people_are_found_by_parts_of_their_names(visitor: Visitor, account: Account) -> None:
    page = await visitor.open(f"{ACCOUNT}/contacts?q={quote('小灰')}")
    assert "小灰" in page.text
    assert "momo" not in page.text
    page = await visitor.open(f"{ACCOUNT}/contacts?q=MOMO")
    assert "momo" in page.text
    page = await visitor.open(f"{ACCOUNT}/contacts?q=nobody-is-called-so")
    assert "No matching contacts" in page.text


@pytest.mark.parametrize("population", [{"friends": 14, "groups": 2, "biggest_group": 120}])
async def test_the_members_of_a_group_and_their_pictures(
    population: dict[str, int], visitor: Visitor, account: Account, api: Gateway
) -> None:
    biggest = max(account.groups, key=lambda group: len(group.members))
    group = next(
        one for one in (await api.get("get_group_info")).json if one["name"] == biggest.name
    )
    path = f"{ACCOUNT}/contact?id={quote(group['id'])}"
    page = await visitor.open(path)
    assert len(group["member"]) == population["biggest_group"]
    assert f"Members {len(group['member'])}" in page.text
    pictures = [link for link in page.links() if "/avatar" in link and "group=" in link]
    assert len(pictures) == 60
    picture = await visitor.open(pictures[0])
    assert picture.headers["Content-Type"] in ("image/png", "image/jpeg")
    (more,) = {link for link in page.links() if "from=60" in link}
    rest = await visitor.ask("GET", more, headers={"HX-Request": "true"})
    assert "<html" not in rest.html
    last = group["member"][-1]["displayname"]
    found = await visitor.open(f"{path}&q={quote(last)}")
    assert last in found.text


# -- conversations ---------------------------------------------------------------------------------------


async def chat_with(visitor: Visitor, name: str) -> Page:
    """Open the conversation from the contacts, as a person does."""
    for kind in ("friends", "groups"):
        page = await visitor.open(f"{ACCOUNT}/contacts?kind={kind}&q={quote(name)}")
        links = [link for link in page.links() if "/chat?" in link]
        if links:
            return await visitor.open(links[0])
    raise AssertionError(f"{name} is not among the contacts")


async def writes(visitor: Visitor, page: Page, content: str) -> Page:
    (action,) = {link for link in page.links() if "/chat?id=" in link and "/console" in link}
    (once,) = page.values("idempotency_key")
    return await visitor.submits(action, content=content, idempotency_key=once)


async def test_both_sides_of_a_conversation(
    visitor: Visitor, account: Account, receiver: Receiver
) -> None:
    friend = account.friend("小灰")
    friend.says("are you there?")
    await receiver.get(content="are you there?")
    page = await chat_with(visitor, "小灰")
    assert "are you there?" in page.text
    await writes(visitor, page, "yes,\nI am")
    assert await friend.hears_text() == "yes,\nI am"
    await receiver.get(post_type="send_message")
    page = await chat_with(visitor, "小灰")
    assert page.text.index("are you there?") < page.text.index("yes, I am")
    listed = await visitor.open(f"{ACCOUNT}/chats")
    assert "You: yes, I am" in listed.text


async def test_a_form_that_is_sent_twice_is_one_message(
    visitor: Visitor, account: Account, receiver: Receiver
) -> None:
    page = await chat_with(visitor, "小灰")
    await asyncio.gather(writes(visitor, page, "once"), writes(visitor, page, "once"))
    await account.friend("小灰").hears()
    await receiver.get(post_type="send_message")
    assert [heard.text for heard in account.sent] == ["once"]


async def test_what_waits_is_shown_until_it_is_sent(
    visitor: Visitor, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    held = simulator.faults.add("webwxsendmsg", Fault.HANG, times=1)
    page = await chat_with(visitor, "小灰")
    await writes(visitor, page, "patience")
    page = await chat_with(visitor, "小灰")
    assert "patience waiting to be sent" in page.text
    held.release()
    await receiver.get(post_type="send_message")
    page = await chat_with(visitor, "小灰")
    assert "waiting to be sent" not in page.text
    assert "patience" in page.text


async def test_why_a_message_was_not_sent(
    visitor: Visitor, account: Account, simulator: Simulator, receiver: Receiver
) -> None:
    simulator.faults.add("webwxsendmsg", Fault.RET, ret=1205, times=20)
    page = await chat_with(visitor, "小灰")
    await writes(visitor, page, "too much")
    await receiver.get(post_type="send_message")
    page = await chat_with(visitor, "小灰")
    assert "not sent:" in page.text
    assert "1205" in page.text


async def test_an_empty_message_is_refused_in_place(visitor: Visitor) -> None:
    page = await chat_with(visitor, "小灰")
    (action,) = {link for link in page.links() if "/chat?id=" in link and "/console" in link}
    form = {"form_key": page.form_key, "content": ""}
    part = await visitor.ask("POST", action, data=form, headers={"HX-Request": "true"})
    assert part.headers["HX-Retarget"] == "#composer-error"
    assert "Write something, or choose a file" in part.text


async def test_a_file_goes_out_and_pictures_are_shown(
    visitor: Visitor, account: Account, receiver: Receiver, api: Gateway
) -> None:
    page = await chat_with(visitor, "小灰")
    (action,) = {link for link in page.links() if "/chat?id=" in link and "/console" in link}
    picture = JPEG
    form = aiohttp.FormData({"form_key": page.form_key, "content": ""})
    form.add_field("media", picture, filename="holiday.jpg", content_type="image/jpeg")
    assert (await visitor.ask("POST", action, data=form)).status == 200
    (heard,) = await account.friend("小灰").hears()
    assert heard.medium is not None
    await receiver.get(post_type="send_message")
    page = await chat_with(visitor, "小灰")
    (address,) = {link for link in page.links() if "/media/" in link}
    shown = await visitor.open(address)
    assert shown.body == picture
    assert shown.headers["Content-Type"] == "image/jpeg"
    assert shown.headers["Content-Disposition"].startswith("inline")


@pytest.mark.parametrize(("name", "data"), [
    ("page.html", b"<html><script>alert(1)</script></html>"),
    ("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
    ("holiday.jpg", b"<html><script>alert(1)</script></html>"),
])  # fmt: skip
async def test_what_could_run_is_only_saved(
    visitor: Visitor, account: Account, receiver: Receiver, name: str, data: bytes
) -> None:
    account.friend("小灰").sends_file(name, data)
    await receiver.get(post_type="receive_message")
    page = await chat_with(visitor, "小灰")
    (address,) = {link for link in page.links() if "/media/" in link}
    saved = await visitor.open(address)
    assert saved.body == data
    assert saved.headers["Content-Type"] == "application/octet-stream"
    assert saved.headers["Content-Disposition"] == f"attachment; filename*=UTF-8''{name}"
    assert saved.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in saved.headers["Content-Security-Policy"]


HOSTILE = '<img src=x onerror="alert(1)">'


async def test_names_and_texts_of_others_are_only_text(
    visitor: Visitor, account: Account, receiver: Receiver
) -> None:
    friend = account.friend("小灰")
    friend.renames(f"{HOSTILE}\u202egpj.exe")
    await receiver.get(event="friend_property_change")
    friend.says(f"{HOSTILE} javascript:alert(1) https://example.org/?a=<b>")
    await receiver.get(post_type="receive_message")
    chat = await chat_with(visitor, "onerror")
    for page in [chat, *[await visitor.open(ACCOUNT + path) for path in PAGES]]:
        assert "<img src=x" not in page.html
        assert "\u202e" not in page.html
        is_proper_but_for_links(page)
    assert HOSTILE in chat.text
    outside = [link for link in chat.links() if "example.org" in link]
    assert outside == ["https://example.org/?a=<b>"]  # as the friend wrote it, and escaped
    assert not [link for link in chat.links() if link.lower().startswith("javascript")]


def is_proper_but_for_links(page: Page) -> None:
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=", page.html)
    assert not re.search(r"<[^>]*\son\w+=", re.sub(r'"[^"]*"', '""', page.html))


async def test_a_shared_link_is_no_script(
    visitor: Visitor, account: Account, receiver: Receiver
) -> None:
    account.friend("小灰").sends_link("title", "javascript:alert(1)")
    await receiver.get(post_type="receive_message")
    page = await chat_with(visitor, "小灰")
    assert not [link for link in page.links() if "javascript" in link]
    assert "javascript:alert(1)" in page.text


async def test_a_conversation_outlives_a_login_a_restart_and_a_new_name(
    world: World, account: Account, comes: Comes
) -> None:
    gateway = await world.run()
    account.friend("小灰").says("before")
    await world.receiver.get(content="before")
    await gateway.stop()
    gateway = await world.start()
    await gateway.reaches("running")
    world.receiver.forget()
    account.friend("小灰").renames("大灰")
    await world.receiver.get(event="friend_property_change")
    account.friend("大灰").says("after")
    await world.receiver.get(content="after")
    page = await chat_with(comes(gateway), "大灰")
    assert page.text.index("before") < page.text.index("after")


async def test_a_conversation_is_found_again_after_a_new_login(
    world: World, account: Account, comes: Comes
) -> None:
    gateway = await world.run()
    account.friend("小灰").says("before")
    await world.receiver.get(content="before")
    account.phone.logs_out_web()
    await gateway.reaches("confirming")
    visitor = comes(gateway)
    page = await visitor.open(f"{ACCOUNT}/chats")
    assert "小灰" in page.text
    account.phone.confirm()
    await gateway.reaches("running")
    page = await visitor.open(f"{ACCOUNT}/chats")
    (link,) = {link for link in page.links() if "/chat?" in link}
    assert "id=" in link, "of this login, so that one can write"
    page = await visitor.open(link)
    assert "before" in page.text
    await writes(visitor, page, "after")
    assert await account.friend("小灰").hears_text() == "after"


# -- the feed, and deliveries ----------------------------------------------------------------------------


async def test_the_feed_shows_messages_and_events(
    visitor: Visitor, account: Account, receiver: Receiver
) -> None:
    account.friend("小灰").says("hello")
    await receiver.get(content="hello")
    page = await visitor.open(f"{ACCOUNT}/feed")
    assert "← 小灰 hello" in page.text
    assert "State: loading → running" in page.text
    assert page.text.index("hello") < page.text.index("Logged in")


async def test_older_messages_come_when_asked_for(
    visitor: Visitor, account: Account, receiver: Receiver
) -> None:
    friend = account.friend("小灰")
    for number in range(60):
        friend.says(f"number {number};")
    await receiver.gets(60, post_type="receive_message")
    page = await chat_with(visitor, "小灰")
    assert "number 59;" in page.text
    assert "number 9;" not in page.text
    (older,) = {link for link in page.links() if "before=" in link and "/console" in link}
    rest = await visitor.ask("GET", older, headers={"HX-Request": "true"})
    assert rest.text.index("number 0;") < rest.text.index("number 19;")
    assert "before=" not in rest.html


async def test_a_failed_delivery_is_sent_again(
    visitor: Visitor, account: Account, receiver: Receiver
) -> None:
    receiver.fails(post_type="receive_message")
    account.friend("小灰").says("important")
    page = await visitor.until(f"{ACCOUNT}/deliveries", "HTTP 500")
    assert "5 attempts" in page.text
    (details,) = {link for link in page.links() if "/delivery?" in link}
    shown = await visitor.open(details)
    assert "important" in shown.text
    assert "that failed in the last hour: 1" in (await visitor.open(ACCOUNT)).text
    receiver.behaves_well()
    receiver.forget()
    await visitor.open(f"{ACCOUNT}/deliveries")
    assert visitor.here is not None
    (id, *_) = visitor.here.values("id")
    await visitor.submits(f"{ACCOUNT}/deliveries/retry", id=id)
    await receiver.get(content="important")
    assert "No failed deliveries" in (await visitor.open(f"{ACCOUNT}/deliveries")).text
    await visitor.until(f"{ACCOUNT}/deliveries?state=delivered", f"#{id}")


async def test_a_failed_delivery_is_forgotten(
    visitor: Visitor, account: Account, receiver: Receiver
) -> None:
    receiver.fails(post_type="receive_message")
    account.friend("小灰").says("spam")
    page = await visitor.until(f"{ACCOUNT}/deliveries", "HTTP 500")
    (id, *_) = page.values("id")
    await visitor.submits(f"{ACCOUNT}/deliveries/drop", id=id)
    assert "No failed deliveries" in (await visitor.open(f"{ACCOUNT}/deliveries")).text
    assert "Discarded" in (await visitor.open(f"{ACCOUNT}/delivery?id={id}")).text


async def test_why_deliveries_wait(
    world: World, visitor: Visitor, account: Account, receiver: Receiver
) -> None:
    await receiver.stop()
    account.friend("小灰").says("hello?")
    page = await visitor.until(ACCOUNT, "post_api does not answer")
    page = await visitor.until(f"{ACCOUNT}/deliveries?state=waiting", "#")
    assert "post_api does not answer" in page.text
    await receiver.start()
    await receiver.get(content="hello?")


async def test_the_counters_of_the_last_hour(
    visitor: Visitor, account: Account, receiver: Receiver, api: Gateway
) -> None:
    account.friend("小灰").says("one")
    account.friend("小灰").says("two")
    await api.get("send_friend_message", account="xiaohui2016", content="three")
    await receiver.gets(2, post_type="receive_message")
    await receiver.get(post_type="send_message")
    page = await visitor.until(ACCOUNT, "Received 2 Sent 1")
    assert "Failed 0 Waiting now 0" in page.text


async def test_without_post_api_it_is_said_how_to_set_it(world: World, comes: Comes) -> None:
    gateway = await world.run(report={"post_api": None, "post_event": False})
    page = await comes(gateway).open(ACCOUNT)
    assert "No post_api is configured" in page.text
    assert "set post_api under [report]" in page.text
