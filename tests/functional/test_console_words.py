"""What the console says about an account that does not run, in either language, worded from codes."""

import re

import pytest

from openwx.simulator import Account, Fault, Simulator

from .visitor import Comes, Page
from .world import Receiver, World

ACCOUNT = "/console/accounts/default"
LANGUAGES = ["en", "zh"]


def status_of(page: Page) -> str:
    """Return what the page says about the account."""
    found = re.search(r'<div class="card status.*?</section>', page.html, re.DOTALL)
    assert found
    shown = re.sub(r"<code.*?</code>", "", found[0], flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", shown).split())


UNREACHABLE = {
    "en": "WeChat is unreachable or did not answer in time",
    "zh": "连不上微信，或微信没有及时响应",
}
NOT_UNDERSTOOD = {
    "en": "WeChat sent an answer that openwx does not understand",
    "zh": "openwx 看不懂微信的应答",
}
TOO_OFTEN = {"en": "operating too often (1205)", "zh": "操作过于频繁（1205）"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("call", "fault", "words"),
    [
        ("jslogin", Fault.SERVER_ERROR, UNREACHABLE),
        ("jslogin", Fault.DROP, UNREACHABLE),
        ("jslogin", Fault.GARBAGE, NOT_UNDERSTOOD),
    ],
)
async def test_trouble_at_the_login(
    world: World,
    simulator: Simulator,
    comes: Comes,
    language: str,
    call: str,
    fault: Fault,
    words: dict[str, str],
) -> None:
    simulator.faults.add(call, fault)
    visitor = comes(await world.start(), language)
    page = await visitor.until(ACCOUNT, words[language])
    if language == "zh":
        assert set(re.findall("[A-Za-z]+", status_of(page))) <= {"openwx", "post", "api"}
    assert re.search(rf"{call}: ", page.html), "to find the fault with"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("fault", "words"), [(Fault.SERVER_ERROR, UNREACHABLE), (Fault.RET, TOO_OFTEN)]
)
async def test_trouble_with_the_contacts(
    world: World,
    account: Account,
    simulator: Simulator,
    comes: Comes,
    language: str,
    fault: Fault,
    words: dict[str, str],
) -> None:
    rule = simulator.faults.add("webwxgetcontact", fault, ret=1205)
    gateway = await world.start()
    await account.phone.logs_in()
    visitor = comes(gateway, language)
    await visitor.until(ACCOUNT, words[language])
    simulator.faults.remove(rule)
    page = await visitor.until(ACCOUNT, {"en": "Logged in as", "zh": "已登录为"}[language])
    assert words[language] not in page.text, "over and forgotten"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_stall(world: World, simulator: Simulator, comes: Comes, language: str) -> None:
    gateway = await world.run(pace={"stalled_after_s": 0.5, "poll_timeout_s": 30.0})
    held = simulator.faults.add("synccheck", Fault.HANG)
    visitor = comes(gateway, language)
    await visitor.until(ACCOUNT, UNREACHABLE[language])
    held.release()
    await visitor.until(ACCOUNT, {"en": "Logged in as", "zh": "已登录为"}[language])


@pytest.mark.parametrize(
    ("ret", "language", "words"),
    [
        (1203, "en", "WeChat refused the login: this account may not use web WeChat (1203)"),
        (1203, "zh", "微信拒绝登录：此微信号不能登录网页版（1203）"),
        (1204, "zh", "微信拒绝登录：微信限制了这个账号（1204）"),
        (-999, "zh", "微信拒绝登录：微信返回码 -999"),
        (-999, "en", "WeChat refused the login: WeChat answered with code -999"),
    ],
)
async def test_a_refusal_in_the_feed(
    world: World, account: Account, comes: Comes, ret: int, language: str, words: str
) -> None:
    account.refuse_login(ret, "好 (7) 好")
    gateway = await world.start()
    await account.phone.logs_in()
    visitor = comes(gateway, language)
    page = await visitor.until(f"{ACCOUNT}/feed", words)
    assert f"{words} “好 (7) 好”" in page.text


@pytest.mark.parametrize("language", LANGUAGES)
async def test_people_are_counted_by_kind(world: World, comes: Comes, language: str) -> None:
    """Friends are those that the contacts list as friends, public accounts are none."""
    visitor = comes(await world.run(), language)
    page = await visitor.open(f"{ACCOUNT}/contacts")
    counts = re.findall(r'class="count">(\d+)<', page.html)
    friends, groups, others = counts
    pattern = {
        "en": f"friends: {friends}, groups: {groups}, public accounts: {others}",
        "zh": f"好友 {friends} 个，群 {groups} 个，公众号 {others} 个",
    }
    assert pattern[language] in (await visitor.open(ACCOUNT)).text


async def test_nothing_can_be_written_without_a_login(
    world: World, account: Account, receiver: Receiver, comes: Comes
) -> None:
    gateway = await world.run()
    (friend,) = (await gateway.get("search_friend", displayname="小灰")).json
    visitor = comes(gateway, "zh")
    form = await visitor.ask("GET", f"{ACCOUNT}/chat", params={"id": friend["id"]})
    account.phone.logs_out_web()
    await gateway.reaches("confirming")
    answer = await visitor.ask(
        "POST",
        f"{ACCOUNT}/chat",
        params={"id": friend["id"]},
        data={"form_key": form.form_key, "content": "x"},
        headers={"HX-Request": "true"},
    )
    assert "账号现在没有登录，原因见概览" in answer.text


async def test_the_offer_of_a_token_is_hidden_for_good(world: World, comes: Comes) -> None:
    gateway = await world.start()
    visitor = comes(gateway, "en")
    assert "No token is set" in (await visitor.open(ACCOUNT)).text
    page = await visitor.ask("POST", "/console/hide-token-hint", data={"next": ACCOUNT})
    assert page.status == 403, "a page of another's cannot hide it"
    page = await visitor.submits("/console/hide-token-hint", next=ACCOUNT)
    assert page.url.endswith(ACCOUNT)
    assert "No token is set" not in page.text
    assert "No token is set" in (await comes(gateway, "en").open(ACCOUNT)).text


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "not sent: WeChat limits this account (1204)"),
        ("zh", "未发出： 微信限制了这个账号（1204）"),
    ],
)
async def test_why_a_message_was_not_sent(
    world: World, simulator: Simulator, receiver: Receiver, comes: Comes, language: str, words: str
) -> None:
    gateway = await world.run()
    simulator.faults.add("webwxsendmsg", Fault.RET, ret=1204, errmsg="limited")
    await gateway.get("send_friend_message", account="xiaohui2016", content="x")
    await receiver.get(post_type="send_message")
    visitor = comes(gateway, language)
    (friend,) = (await gateway.get("search_friend", displayname="小灰")).json
    page = await visitor.ask("GET", f"{ACCOUNT}/chat", params={"id": friend["id"]})
    assert words in page.text
    assert "WeChat answered 1204 (limited)" in page.text, "for whoever looks for the fault"
    assert words in (await visitor.open(f"{ACCOUNT}/feed")).text
