"""The console: searching messages, marking a chat as read, and fetching the contacts anew."""

from urllib.parse import quote

import pytest

from openwx.simulator import Account
from openwx.transports.base import Capability
from tests.memory import MemoryTransports
from tests.memory_wechat import MemoryAccount

from .changing import id_of
from .visitor import Visitor
from .world import Receiver, World

ACCOUNT = "/console/accounts/default"


async def test_search_in_a_chat(visitor: Visitor, account: Account, receiver: Receiver) -> None:
    friend, other = account.friend("小灰"), account.friend("momo")
    friend.says("We meet at the EAST gate <b>")
    friend.says("fine")
    other.says("the east gate, too")
    await receiver.get(content="the east gate, too")
    chat = f"id={quote(id_of(account, friend))}"
    page = await visitor.open(f"{ACCOUNT}/chat?{chat}")
    assert f"{ACCOUNT}/search?{chat}" in page.links()
    page = await visitor.open(f"{ACCOUNT}/search?{chat}")
    assert "Search the messages" in page.text
    assert "east" not in page.text.lower()
    page = await visitor.open(f"{ACCOUNT}/search?{chat}&q=gate+east")
    assert "We meet at the EAST gate <b>" in page.text
    assert "too" not in page.text
    page = await visitor.open(f"{ACCOUNT}/search?q=gate+east")
    assert "We meet at the EAST gate" in page.text
    assert "the east gate, too" in page.text
    page = await visitor.open(f"{ACCOUNT}/search?q={quote('<b>nothing')}")
    assert "No further message has these words." in page.text
    assert (await visitor.open(f"{ACCOUNT}/search?id=@nobody&q=x")).status == 404


async def test_older_ones_are_on_the_next_page(
    visitor: Visitor, account: Account, receiver: Receiver
) -> None:
    for n in range(45):
        account.friend("小灰").says(f"number {n}.")
    await receiver.gets(45, post_type="receive_message")
    page = await visitor.open(f"{ACCOUNT}/search?q=number")
    assert "number 44." in page.text
    assert "number 5." in page.text
    assert "number 4." not in page.text
    (more,) = {link for link in page.links() if "before=" in link}
    page = await visitor.open(more)
    assert "number 4." in page.text
    assert "number 0." in page.text
    assert not any("before=" in link for link in page.links())


async def test_a_chat_is_marked_as_read(visitor: Visitor, account: Account) -> None:
    friend = account.friend("小灰")
    friend.says("hi")
    page = await visitor.open(f"{ACCOUNT}/chat?id={quote(id_of(account, friend))}")
    assert 'aria-label="Mark as read on the phone"' in page.html
    page = await visitor.submits(f"{ACCOUNT}/mark-read", id=id_of(account, friend))
    assert page.url.endswith(f"/chat?id={id_of(account, friend)}")
    assert account.conversations.of(friend).unread == 0
    page = await visitor.submits(f"{ACCOUNT}/mark-read", id="@nobody")
    assert page.status == 404


async def test_the_contacts_are_fetched_anew(visitor: Visitor, account: Account) -> None:
    assert "Fetch anew" in (await visitor.open(f"{ACCOUNT}/contacts")).text
    account.friend("小灰").signature = "new"
    page = await visitor.submits(f"{ACCOUNT}/contacts/refresh")
    assert "Differences: 1; the live feed shows them." in page.text
    page = await visitor.submits(f"{ACCOUNT}/contacts/refresh")
    assert "less than a minute ago" in page.text


@pytest.mark.in_memory
async def test_what_the_transport_cannot_do_is_not_offered(
    world: World, peer: MemoryTransports, receiver: Receiver
) -> None:
    account: MemoryAccount = peer.account()
    account.capabilities -= {Capability.MARK_READ, Capability.REFRESH}
    gateway = await world.run()
    visitor = Visitor(gateway.url)
    try:
        page = await visitor.open(f"{ACCOUNT}/contacts")
        assert "Fetch anew" not in page.text
        page = await visitor.open(f"{ACCOUNT}/chat?id={quote(account.friend('小灰').record.id)}")
        assert "Mark as read" not in page.html
        for path in ("mark-read", "contacts/refresh"):
            page = await visitor.submits(f"{ACCOUNT}/{path}", id=account.friend("小灰").record.id)
            assert "The connection of this account cannot do this." in page.text
        assert account.changes == []
    finally:
        await visitor.http.close()
