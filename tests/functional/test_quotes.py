"""Quoted messages of which WeChat names only the id, and what people say in voice messages."""

import hashlib

import pytest

from openwx.domain.messages import PartialText, Quote
from tests.memory_wechat import MemoryAccount

from .world import Gateway, Receiver, World, answers

pytestmark = pytest.mark.in_memory

AMR = b"#!AMR\n" + b"\x3c" * 64


async def test_a_received_message_is_looked_up(
    api: Gateway, account: MemoryAccount, receiver: Receiver
) -> None:
    friend = account.friend("小灰")
    said = friend.says("the first words")
    await receiver.get(content="the first words")
    friend.says("yes", quote=Quote(id=said.msg_id))
    report = await receiver.get(content="yes")
    assert report["quote"] == {
        "id": said.msg_id,
        "sender": "小灰",
        "content": "the first words",
        "format": "text",
    }


async def test_a_message_of_the_same_batch_is_looked_up(
    world: World, account: MemoryAccount, receiver: Receiver
) -> None:
    friend = account.friend("小灰")
    said = friend.says("one")
    friend.says("two", quote=Quote(id=said.msg_id))
    await world.run()
    assert (await receiver.get(content="two"))["quote"]["content"] == "one"


async def test_ones_own_message_is_looked_up_also_after_a_restart(
    world: World, account: MemoryAccount, receiver: Receiver
) -> None:
    account.ids_last = True
    api, friend = await world.run(), account.friend("小灰")
    sent = await api.get("send_friend_message", id=friend.record.id, content="ours")
    await api.stop()
    await world.run()
    friend.says("good", quote=Quote(id=sent.json["msg_id"]))
    quote = (await receiver.get(content="good"))["quote"]
    assert (quote["sender"], quote["content"]) == (account.user.displayname, "ours")


async def test_the_part_that_is_quoted(
    api: Gateway, account: MemoryAccount, receiver: Receiver
) -> None:
    friend = account.friend("小灰")
    said = friend.says("a cat, a dog and a cow")
    md5 = hashlib.md5(b"a dog and a cow").hexdigest()
    part = PartialText("a d", "cow", 1, 1, md5)
    friend.says("both", quote=Quote(id=said.msg_id, part=part))
    assert (await receiver.get(content="both"))["quote"]["content"] == "a dog and a cow"


async def test_what_is_not_known_is_told_as_far_as_it_goes(
    api: Gateway, account: MemoryAccount, receiver: Receiver
) -> None:
    friend = account.friend("小灰")
    friend.says("lost", quote=Quote(id="no such message"))
    quote = (await receiver.get(content="lost"))["quote"]
    assert quote == {"id": "no such message", "sender": "", "content": ""}


async def test_what_wechat_told_is_believed(
    api: Gateway, account: MemoryAccount, receiver: Receiver
) -> None:
    friend = account.friend("小灰")
    said = friend.says("as it was")
    friend.says("told", quote=Quote(id=said.msg_id, sender="momo", content="as\u2005told"))
    quote = (await receiver.get(content="told"))["quote"]
    assert quote == {"id": said.msg_id, "sender": "momo", "content": "as told"}


async def test_another_account_s_message_is_not_looked_up(
    world: World, account: MemoryAccount, receiver: Receiver
) -> None:
    """Its id may be the same."""
    friend = account.friend("小灰")
    said = friend.says("private")
    api = await world.run()
    await receiver.get(content="private")
    await api.stop()
    account.user.uid = "another person"
    account.is_logged_in = False
    await world.run()
    friend.says("who?", quote=Quote(id=said.msg_id))
    assert (await receiver.get(content="who?"))["quote"]["content"] == ""


async def test_a_voice_message_has_its_transcript(
    api: Gateway, account: MemoryAccount, receiver: Receiver
) -> None:
    friend = account.friend("小灰")
    said = friend.sends_voice(AMR, "you can read this")
    report = await receiver.get(format="media")
    assert (report["media_type"], report["voice_text"]) == ("voice", "you can read this")
    friend.says("heard?", quote=Quote(id=said.msg_id))
    quote = (await receiver.get(content="heard?"))["quote"]
    assert (quote["format"], quote["content"]) == ("media", report["content"])


async def test_reports_without_quotes_have_no_such_members(
    api: Gateway, account: MemoryAccount, receiver: Receiver
) -> None:
    friend = account.friend("小灰")
    receiver.behaves(answers())
    friend.says("plain")
    friend.sends_image(b"GIF89a" + bytes(40))
    for report in (await receiver.get(content="plain"), await receiver.get(format="media")):
        assert not {"quote", "voice_text"} & report.keys()
