"""A conversation in the console: own sends are seen, pictures keep their room, files are chosen and taken off, and
every kind of message is words, a card or a player."""

import asyncio
import io
import re
import wave
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.media import JPEG, MP3
from openwx.simulator.wire.shares import Article
from tests.functional.world import Gateway, Receiver, World
from tests.patience import PATIENCE_MS

from .conftest import Complaints
from .pictures import hills
from .seeing import ACCOUNT, box_of, chat_of, is_at_end, reads, sees, until

if TYPE_CHECKING:
    from playwright.async_api import Page, Route

AT_END = """() => {
    const box = document.querySelector('[data-stick]');
    return box.scrollHeight - box.scrollTop - box.clientHeight < 2;
}"""
NOT_AT_END = "() => { const box = document.querySelector('[data-stick]'); box.scrollTop = 0; }"


@pytest.fixture(autouse=True)
def patience(page: "Page") -> None:
    page.set_default_timeout(PATIENCE_MS)


async def opens_chat(page: "Page", api: Gateway, account: Account, lines: int = 30) -> None:
    """Open the conversation with 小灰, which is longer than the window."""
    friend = account.friend("小灰")
    for number in range(lines):
        friend.says(f"line {number};")
    await page.goto(api.url + await chat_of(api, "小灰"))
    if lines:
        await page.locator("#messages").get_by_text(f"line {lines - 1};").wait_for()


async def writes(page: "Page", text: str) -> None:
    field = page.get_by_label("Message", exact=True)
    await field.fill(text)
    await field.press("Enter")
    await page.locator("#messages .mine").get_by_text(text).wait_for()


# -- at the end of it ------------------------------------------------------------------------------------


async def test_own_sends_are_seen_and_those_of_others_are_announced(
    page: "Page", api: Gateway, account: Account, complaints: Complaints
) -> None:
    await opens_chat(page, api, account)
    assert await is_at_end(page)
    account.friend("小灰").says("while I look")
    await page.locator("#messages").get_by_text("while I look").wait_for()
    await until(page, AT_END)

    await page.evaluate(NOT_AT_END)
    await until(page, "() => talk.follow === false")
    account.friend("小灰").says("while I read above")
    chip = page.get_by_role("button", name="New messages")
    await chip.wait_for()
    box, talk = await box_of(page, ".newer"), await box_of(page, "[data-stick]")
    assert talk["top"] < box["top"]
    assert box["bottom"] < talk["bottom"]
    assert await page.evaluate("document.querySelector('[data-stick]').scrollTop") == 0
    await chip.click()
    await until(page, "() => document.querySelector('.newer').hidden")
    assert await is_at_end(page)

    await page.evaluate(NOT_AT_END)
    await until(page, "() => talk.follow === false")
    await writes(page, "my own answer")
    assert not await chip.is_visible()
    mine, talk = await box_of(page, "#messages .mine"), await box_of(page, "[data-stick]")
    assert talk["top"] < mine["top"]
    assert mine["bottom"] <= talk["bottom"]
    assert not complaints


async def test_what_the_phone_sends_is_seen_too(
    page: "Page", api: Gateway, account: Account, complaints: Complaints
) -> None:
    await opens_chat(page, api, account)
    await page.evaluate(NOT_AT_END)
    account.phone.says(account.friend("小灰"), "from my phone")
    await page.locator("#messages .mine").get_by_text("from my phone").wait_for()
    await until(page, "() => talk.follow")
    mine, talk = await box_of(page, "#messages .mine"), await box_of(page, "[data-stick]")
    assert mine["bottom"] <= talk["bottom"]
    assert not complaints


async def test_pictures_have_their_size_before_they_come(
    page: "Page", api: Gateway, account: Account, receiver: Receiver, complaints: Complaints
) -> None:
    """Neither a picture that was there, nor one that comes, moves anything when it is loaded."""
    friend = account.friend("小灰")
    friend.sends_image(hills(520, 300))
    friend.sends_image(hills(60, 900))
    friend.says("after the pictures")
    await receiver.get(content="after the pictures")
    may_come = asyncio.Event()

    async def hold(route: "Route") -> None:
        await may_come.wait()
        await route.continue_()

    await page.route(re.compile(r"/media/\d+"), hold)
    await page.goto(api.url + await chat_of(api, "小灰"), wait_until="domcontentloaded")
    friend.sends_image(hills(260, 150))
    await page.locator("#messages .picture").nth(2).wait_for()
    friend.says("after the last")
    await page.locator("#messages").get_by_text("after the last").wait_for()
    boxes = """[...document.querySelectorAll('#messages > li, .picture')]
        .map(one => [one.offsetTop, one.offsetWidth, one.offsetHeight])"""
    before = await page.evaluate(boxes)
    may_come.set()
    for picture in await page.locator("#messages .picture").all():
        await picture.scroll_into_view_if_needed()
        await picture.evaluate("picture => picture.decode()")
    assert await page.evaluate(boxes) == before
    sizes = await page.evaluate(
        "[...document.querySelectorAll('.picture')].map(e => [e.offsetWidth, e.offsetHeight])"
    )
    assert sizes == [[280, 162], [21, 320], [260, 150]]
    assert not complaints


async def test_lines_of_what_waits_stay_lines(
    page: "Page", api: Gateway, account: Account, simulator: Simulator, complaints: Complaints
) -> None:
    held = simulator.faults.add("webwxsendmsg", Fault.HANG, times=1)
    await opens_chat(page, api, account, lines=0)
    field = page.get_by_label("Message", exact=True)
    await field.fill("first\nsecond\nthird")
    await field.press("Enter")
    waits = page.locator("#waiting .said p")
    await waits.wait_for()
    one_line = await page.evaluate("parseFloat(getComputedStyle(document.body).lineHeight)")
    assert (await box_of(page, "#waiting .said p"))["height"] > 2.5 * one_line
    held.release()
    await page.locator("#messages .mine").wait_for()
    assert not complaints


async def test_what_is_written_while_another_is_sent_stays(
    page: "Page", api: Gateway, account: Account, complaints: Complaints
) -> None:
    await opens_chat(page, api, account, lines=0)
    may_go = asyncio.Event()

    async def hold(route: "Route") -> None:
        await may_go.wait()
        await route.continue_()

    await page.route(re.compile(r"/chat\?"), hold)
    field = page.get_by_label("Message", exact=True)
    await field.fill("the first")
    await field.press("Enter")
    await field.fill("the next one, half written")
    may_go.set()
    await page.locator("#messages .mine").get_by_text("the first").wait_for()
    await until(
        page, "() => document.getElementById('content').value === 'the next one, half written'"
    )
    assert not complaints


async def test_nothing_is_not_sent(
    page: "Page", api: Gateway, account: Account, complaints: Complaints
) -> None:
    await opens_chat(page, api, account, lines=0)
    await page.get_by_role("button", name="Send", exact=True).click()
    await sees(page, "Write something, or choose a file")
    assert not complaints


# -- files -----------------------------------------------------------------------------------------------

DROP = """([name, type, bytes]) => {
    const carried = new DataTransfer();
    carried.items.add(new File([new Uint8Array(bytes)], name, { type }));
    const target = document.querySelector("#messages");
    for (const kind of ["dragenter", "dragover", "drop"]) {
        target.dispatchEvent(new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true }));
    }
}"""


async def chooses(page: "Page", name: str, mime: str, data: bytes) -> None:
    await page.set_input_files("#media", {"name": name, "mimeType": mime, "buffer": data})


async def test_a_chosen_file_is_seen_and_can_be_taken_off(
    page: "Page", api: Gateway, account: Account, complaints: Complaints
) -> None:
    await opens_chat(page, api, account, lines=0)
    chosen = page.locator(".chosen")
    assert not await chosen.is_visible()
    await chooses(page, "holiday.jpg", "image/jpeg", JPEG)
    await chosen.get_by_text("holiday.jpg").wait_for()
    assert "298 B" in await reads(page, ".chosen")
    preview = page.locator(".chosen-picture")
    assert await preview.evaluate("image => image.decode().then(() => image.naturalWidth > 0)")
    assert (await box_of(page, ".chosen-picture"))["width"] == 44

    await page.get_by_role("button", name="Remove the file").click()
    assert not await chosen.is_visible()
    assert await page.evaluate("document.getElementById('media').files.length") == 0
    assert await page.evaluate("document.activeElement.id") == "content"
    await writes(page, "only words")
    assert [heard.text for heard in await account.friend("小灰").hears()] == ["only words"]

    await page.evaluate(DROP, ["notes.txt", "text/plain", list(b"dropped")])
    await chosen.get_by_text("notes.txt").wait_for()
    assert "7 B" in await reads(page, ".chosen")
    assert not await preview.is_visible()
    await page.get_by_role("button", name="Send", exact=True).click()
    await page.locator("#messages .file").get_by_text("notes.txt").wait_for()
    assert not await chosen.is_visible()
    assert not complaints


async def test_a_file_that_is_too_large_is_not_chosen(
    page: "Page", world: World, account: Account, complaints: Complaints
) -> None:
    gateway = await world.run(media={"max_size": 1000})
    await opens_chat(page, gateway, account, lines=0)
    await chooses(page, "large.bin", "application/x", bytes(1001))
    await sees(page, "This file is too large: at most 1.0 kB (media.max_size).")
    assert not await page.locator(".chosen").is_visible()
    assert await page.evaluate("document.getElementById('media').files.length") == 0
    await chooses(page, "large.bin", "application/x", bytes(1000))
    await page.locator(".chosen").get_by_text("large.bin").wait_for()
    assert await reads(page, "#composer-error") == ""
    assert not complaints


async def test_the_progress_of_a_file(
    page: "Page", api: Gateway, account: Account, complaints: Complaints
) -> None:
    await opens_chat(page, api, account, lines=0)
    await page.evaluate("""() => {
        window.progress = [];
        const look = (changes) => {
            for (const { target } of changes) {
                if (target.tagName === "PROGRESS" && !target.hidden) progress.push(target.value);
            }
        };
        new MutationObserver(look).observe(document.body, { subtree: true, attributes: true });
    }""")
    await chooses(page, "large.bin", "application/x", bytes(8_000_000))
    await page.get_by_role("button", name="Send", exact=True).click()
    await page.locator("#messages .file").get_by_text("large.bin").wait_for()
    seen = await page.evaluate("progress")
    assert seen == sorted(seen)
    assert seen[-1] > 0
    assert not await page.locator("progress").is_visible()
    assert not complaints


# -- what messages are -----------------------------------------------------------------------------------

THINGS: list[tuple[str, tuple[Any, ...], str, str]] = [
    ("transfers", (12.5, "午饭"), "Transfer ￥12.50 午饭", "转账 ￥12.50 午饭"),
    ("sends_red_packet", ("大吉大利",), "Red packet 大吉大利", "红包 大吉大利"),
    ("sends_location", ("腾讯大厦",), "Location 腾讯大厦", "位置 腾讯大厦"),
    ("sends_location_48", ("滨海大厦",), "Location 滨海大厦", "位置 滨海大厦"),
    ("sends_link", ("A walk", "by the river", "https://example.org/walk", "Paper"),
     "Link · Paper A walk by the river", "链接 · Paper A walk by the river"),
    ("sends_mini_program", ("来一杯茶", "茶馆"), "Mini program · 茶馆 来一杯茶",
     "小程序 · 茶馆 来一杯茶"),
    ("sends_articles", ([Article("头条"), Article("二条", "摘要")],), "Articles 头条 二条 摘要",
     "文章 头条 二条 摘要"),
    ("sends_chat_record", ("群聊的聊天记录", ["见"]), "Link 群聊的聊天记录", "链接 群聊的聊天记录"),
]  # fmt: skip
WIRE = re.compile(r"\]\(|昵称：|标题：|应用分享|撤回消息|<msg|\[media")
"""What the contract writes for programs."""


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_messages_are_words_for_people(
    page: "Page",
    api: Gateway,
    account: Account,
    receiver: Receiver,
    complaints: Complaints,
    language: str,
) -> None:
    await page.set_extra_http_headers({"Accept-Language": language})
    friend = account.friend("小灰")
    for verb, given, _, _ in THINGS:
        getattr(friend, verb)(*given)
    friend.sends_card(account.stranger("李雷"))
    friend.shares_live_location()
    friend.sends(9876, "<msg><x/></msg>")
    await receiver.gets(len(THINGS) + 3, post_type="receive_message")
    wanted = [english if language == "en" else chinese for *_, english, chinese in THINGS]
    wanted.append("Contact card 李雷" if language == "en" else "名片 李雷")
    wanted.append("Unknown message" if language == "en" else "未知类型的消息")
    await page.goto(api.url + await chat_of(api, "小灰"))
    read = await reads(page, "#messages")
    for words in wanted:
        assert words in read, (words, read)
    assert not WIRE.search(read), WIRE.search(read)
    for path in ("/feed", "/chats", ""):
        await page.goto(f"{api.url}{ACCOUNT}{path}")
        assert not WIRE.search(await reads(page)), path
    assert not complaints


async def test_a_recalled_message_is_marked(
    page: "Page", api: Gateway, account: Account, receiver: Receiver, complaints: Complaints
) -> None:
    friend = account.friend("小灰")
    early = friend.says("recalled before I looked")
    friend.says("never recalled")
    late = friend.says("recalled while I look")
    friend.recalls(early)
    await receiver.get(format="revoke")
    await page.goto(api.url + await chat_of(api, "小灰"))
    struck = "text => getComputedStyle(text.closest('.said')).textDecorationLine"

    async def is_marked(words: str) -> bool:
        said = page.locator("#messages .said p", has_text=words)
        mark = said.locator("xpath=ancestor::li").locator(".is-recalled")
        is_struck: bool = await said.evaluate(struck) == "line-through"
        assert is_struck == await mark.is_visible()
        return is_struck

    assert await is_marked("recalled before I looked")
    assert not await is_marked("recalled while I look")
    assert "小灰 recalled a message" in await reads(page, "#messages")
    friend.recalls(late)
    await there_are_notes(page, 2)
    assert await is_marked("recalled while I look")
    assert not await is_marked("never recalled")
    assert not complaints


async def there_are_notes(page: "Page", count: int) -> None:
    await until(page, "n => document.querySelectorAll('#messages .note').length === n", count)


async def test_a_recall_marks_what_comes_with_older_ones(
    page: "Page", api: Gateway, account: Account, receiver: Receiver, complaints: Complaints
) -> None:
    friend = account.friend("小灰")
    first = friend.says("the very first")
    for number in range(45):
        friend.says(f"line {number};")
    friend.recalls(first)
    await receiver.get(format="revoke")
    await page.goto(api.url + await chat_of(api, "小灰"))
    assert await page.get_by_text("the very first").count() == 0
    await page.get_by_role("link", name="Older").click()
    said = page.locator(".said p", has_text="the very first")
    await said.wait_for()
    await until(page, "() => document.querySelector('#messages .bubble').classList.contains('recalled')")  # fmt: skip
    struck = "text => getComputedStyle(text.closest('.said')).textDecorationLine"
    assert await said.evaluate(struck) == "line-through"
    assert not complaints


FILM = """async () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [320, 180];
    const recorder = new MediaRecorder(canvas.captureStream(30), { mimeType: "video/webm;codecs=vp8" });
    const parts = [];
    recorder.ondataavailable = (event) => parts.push(event.data);
    const done = new Promise((stopped) => { recorder.onstop = stopped; });
    recorder.start();
    const pen = canvas.getContext("2d");
    for (let at = 0; at < 20; at += 1) {
        pen.fillStyle = `hsl(${at * 18} 80% 50%)`;
        pen.fillRect(0, 0, 320, 180);
        await new Promise(requestAnimationFrame);
    }
    recorder.stop();
    await done;
    return [...new Uint8Array(await new Blob(parts).arrayBuffer())];
}"""
"""Records a short film."""
PLAYS = """async (player) => {
    player.muted = true;
    await player.play();
    while (!player.currentTime) await new Promise(requestAnimationFrame);
    player.pause();
    return true;
}"""


def a_sound() -> bytes:
    """Make a second of a tone."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 8000, "NONE", ""))
        sound.writeframes(b"\0\0\xff\x3f" * 4000)
    return file.getvalue()


async def test_voice_and_video_are_played(
    page: "Page", api: Gateway, account: Account, receiver: Receiver, complaints: Complaints
) -> None:
    film, friend = bytes(await page.evaluate(FILM)), account.friend("小灰")
    friend.sends_voice(MP3, 7)
    friend.sends_voice(a_sound(), 1)
    friend.sends_video(film, 1)
    friend.sends_file("song.wav", a_sound())
    await receiver.gets(4, format="media")
    await page.goto(api.url + await chat_of(api, "小灰"))
    players = page.locator("#messages audio, #messages video")
    assert await players.count() == 4
    for number in range(4):
        player = players.nth(number)
        assert await player.evaluate("player => player.controls")
        shape = "player => [player.offsetWidth, player.offsetHeight]"
        before = await player.evaluate(shape)
        assert before[0] > 200
        assert before[1] > 40
        assert await player.evaluate(PLAYS)
        assert await player.evaluate(shape) == before
    assert await page.locator("#messages video").evaluate("film => film.videoWidth") == 320
    saved = page.locator("#messages .file").get_by_text("song.wav")
    assert await saved.is_visible(), "a file can be played, and saved"

    source = await page.locator("#messages audio").first.get_attribute("src")
    part = await page.request.get(f"{api.url}{source}", headers={"Range": "bytes=2-5"})
    assert (part.status, await part.body()) == (206, MP3[2:6])
    assert part.headers["content-range"] == f"bytes 2-5/{len(MP3)}"
    assert part.headers["content-type"] == "audio/mpeg"
    assert not complaints


# -- links -----------------------------------------------------------------------------------------------


async def test_links_to_this_gateway_are_text(
    page: "Page", api: Gateway, account: Account, receiver: Receiver, complaints: Complaints
) -> None:
    """A contact who writes the address of the API cannot have the owner call it with a click."""
    port = urlsplit(api.url).port
    hosts = [
        "127.0.0.1",
        "localhost",
        "127.1",
        "0x7f000001",
        "2130706433",
        "[::1]",
        "a.localhost",
        "１２７.0.0.1",
    ]
    call = "openwx/send_friend_message?displayname=momo&content=owned"
    friend = account.friend("小灰")
    for host in hosts:
        friend.says(f"http://{host}:{port}/{call}")
    friend.sends_link("a prize", "for you", f"http://localhost:{port}/{call}")
    friend.says("https://example.org/harmless")
    await receiver.gets(len(hosts) + 2, post_type="receive_message")
    await page.goto(api.url + await chat_of(api, "小灰"))
    friend.says(f"live http://127.0.0.1:{port}/{call}")
    await page.locator("#messages").get_by_text("live http").wait_for()
    hrefs = await page.evaluate(
        "[...document.querySelectorAll('#messages a')].map(link => link.href)"
    )
    assert hrefs == ["https://example.org/harmless"]
    link = page.locator("#messages a")
    assert await link.get_attribute("target") == "_blank"
    assert await link.get_attribute("rel") == "noopener noreferrer"
    for text in await page.locator("#messages .said p").all():
        if "owned" in (await text.inner_text()):
            await text.click()
    assert page.url.startswith(api.url + ACCOUNT)
    assert len(page.context.pages) == 1
    assert not account.sent
    assert not complaints
