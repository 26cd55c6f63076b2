"""What a person writes to a bot of iLink, as ``post_api`` gets it: once, whole, and with what it quotes."""

from pathlib import Path

import pytest
from aiohttp import web

from openwx.simulator import (
    Account,
    ClawBot,
    Fault,
    KeySpelling,
    QuoteForm,
    Repeat,
    Simulator,
    Written,
)
from openwx.simulator.media import JPEG, MP4, PNG
from tests.populations import FEW

from .world import Behaviour, Gateway, Json, PostedReport, Receiver, Start, World

POPULATION = FEW
VOICE = b"\x02#!SILK_V3" + bytes(range(60))
NAMES = [
    "报告 2026（终稿）😀.docx",
    "a" * 200 + ".txt",
    ".hidden",
    "no extension",
    "'quotes' & <marks>.md",
]


async def report_of(receiver: Receiver, said: Written) -> Json:
    return await receiver.get(id=said.msg_id)


async def test_a_text_is_reported_with_who_wrote_it(
    bound: Gateway, owner: ClawBot, receiver: Receiver
) -> None:
    said = owner.says("你好 [微笑] 😀\nsecond line")
    report = await report_of(receiver, said)
    assert (report["post_type"], report["type"], report["format"], report["class"]) == (
        "receive_message", "friend_message", "text", "recv",
    )  # fmt: skip
    assert report["content"] == "你好 [微笑] 😀\nsecond line"
    assert report["sender_id"] == report["sender_uid"] == owner.user_id
    assert report["receiver_id"] == owner.user_id, "the account is its person"
    assert report["sender_category"] == "好友"
    assert report["time"] == str(int(said.time))
    assert int(report["id"]) > 2**53, "and is whole"


async def test_the_first_message_makes_a_friend(
    world: World, owner: ClawBot, receiver: Receiver
) -> None:
    api = await world.run(transport="ilink")
    assert (await api.get("get_friend_info")).json == []
    assert (await api.get("send_friend_message", id="@owner", content="too early")).code == 101
    owner.says("first")
    await receiver.get(content="first")
    (friend,) = await receiver.get_event("new_friend")
    (known,) = (await api.get("get_friend_info")).json
    assert (friend["id"], known["id"], known["uid"]) == (owner.user_id,) * 3
    assert (known["displayname"], known["category"]) == ("昵称未知", "好友")
    assert (await api.get("set_markname", id=owner.user_id, new_markname="我")).code == 0
    assert (await api.get("search_friend", markname="我")).json[0]["id"] == owner.user_id
    owner.says("second")
    assert (await receiver.get(content="second"))["sender"] == "我"
    await api.stop()
    await world.start(transport="ilink")
    owner.says("third")
    assert (await receiver.get(content="third"))["sender"] == "我"
    assert len(receiver.events("new_friend")) == 1


# -- once ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("repeat", [Repeat.SAME_ID, Repeat.NEW_ID, Repeat.NO_ID])
async def test_what_is_delivered_twice_is_reported_once(
    bound: Gateway, owner: ClawBot, receiver: Receiver, repeat: Repeat
) -> None:
    texts = [owner.says(f"text {number}", repeat=repeat) for number in range(3)]
    picture = owner.sends_image(PNG, repeat=repeat)
    await owner.bot.takes(*texts, picture)
    late = owner.says("late")
    await receiver.get(content="late")
    for message in (*texts, picture):  # a moment after the first delivery was acknowledged
        owner.sends_again(message, repeat)
    end = owner.says("end")
    await owner.bot.takes(late, end)
    await receiver.get(content="end")
    came = [
        report["content"] for report in receiver.got(post_type="receive_message", format="text")
    ]
    assert came == ["text 0", "text 1", "text 2", "late", "end"]
    assert len(receiver.got(post_type="receive_message", format="media")) == 1


async def test_a_second_delivery_after_a_restart_is_none(
    bound: Gateway, world: World, owner: ClawBot, receiver: Receiver
) -> None:
    said = owner.says("once", repeat=Repeat.NO_ID)
    await receiver.get(content="once")
    await owner.bot.acknowledges()
    await bound.stop()
    owner.sends_again(said, Repeat.NO_ID)
    await world.start(transport="ilink")
    owner.says("end")
    await receiver.get(content="end")
    assert len(receiver.got(content="once")) == 1


async def test_people_repeat_themselves(bound: Gateway, owner: ClawBot, receiver: Receiver) -> None:
    for _ in range(3):
        owner.says("ok")
    await receiver.gets(3, content="ok")


async def test_a_lost_answer_costs_nothing(
    bound: Gateway, owner: ClawBot, receiver: Receiver, simulator: Simulator
) -> None:
    rule = simulator.faults.add("getupdates", Fault.LOSE_ANSWER, times=2)
    said = [f"text {number}" for number in range(8)]
    for text in said:
        owner.says(text)
        await receiver.get(content=text)
    await rule.strikes()
    owner.says("end")
    await receiver.get(content="end")
    came = [report["content"] for report in receiver.got(post_type="receive_message")]
    assert came == [*said, "end"]


async def test_a_backlog_longer_than_an_answer(
    bound: Gateway, world: World, owner: ClawBot, receiver: Receiver, simulator: Simulator
) -> None:
    simulator.ilink.batch_size = 7
    await bound.stop()
    said = [f"text {number}" for number in range(30)]
    for text in said:
        owner.says(text)
    await world.start(transport="ilink")
    await receiver.get(content=said[-1])
    assert [report["content"] for report in receiver.got(post_type="receive_message")] == said


async def test_a_killed_gateway_loses_nothing(
    world: World, owner: ClawBot, receiver: Receiver, openwx: Start, environ: dict[str, str]
) -> None:
    """What the journal has not, the cursor has not passed. Only a POST that was not answered is made again."""
    environ = environ | {"OPENWX_ACCOUNTS__DEFAULT__TRANSPORT": "ilink"}
    gateway = await openwx("serve", **environ)
    await world.account.phone.logs_in()
    await owner.comes_online()
    said: list[str] = []
    for number in range(2):
        for text in (f"{number} a", f"{number} b"):
            owner.says(text)
        await receiver.get(content=f"{number} b")
        owner.says(f"{number} at the kill")
        await gateway.kill()
        owner.says(f"{number} after it")
        said += [f"{number} {when}" for when in ("a", "b", "at the kill", "after it")]
        gateway = await openwx("serve", **environ)
    owner.says("end")
    await receiver.get(content="end")
    came = [report["content"] for report in receiver.got(post_type="receive_message")]
    assert list(dict.fromkeys(came)) == [*said, "end"]
    doubled = [text for text in came if came.count(text) > 1]
    assert all("b" in text or "kill" in text for text in doubled), (
        "a POST without an answer is made again"
    )


# -- files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", [KeySpelling.RAW, KeySpelling.HEX])
@pytest.mark.parametrize("tells_url", [True, False])
async def test_media_arrive_decrypted(
    bound: Gateway, owner: ClawBot, receiver: Receiver, simulator: Simulator,
    spelling: KeySpelling, tells_url: bool,
) -> None:  # fmt: skip
    simulator.ilink.tells_media_url = tells_url
    for said, data, kind, mime in (
        (owner.sends_image(JPEG, spelling=spelling), JPEG, "image", "image/jpeg"),
        (owner.sends_video(MP4, spelling=spelling), MP4, "video", "video/mp4"),
        (owner.sends_file("a.txt", b"words", spelling=spelling), b"words", "file", "text/plain"),
        (owner.sends_image(PNG, encrypted=False), PNG, "image", "image/png"),
    ):
        report = await report_of(receiver, said)
        assert (report["format"], report["media_type"]) == ("media", kind), report
        assert Path(report["media_path"]).read_bytes() == data
        assert report["media_mime"] == mime
        assert report["media_size"] == str(len(data))


@pytest.mark.parametrize("name", NAMES)
async def test_a_file_keeps_its_name(
    bound: Gateway, owner: ClawBot, receiver: Receiver, name: str
) -> None:
    report = await report_of(receiver, owner.sends_file(name, b"content of " + name.encode()))
    assert report["media_name"] == name
    path = Path(report["media_path"])
    assert path.read_bytes() == b"content of " + name.encode()
    assert "/" not in path.name


async def test_a_voice_has_its_transcript(
    bound: Gateway, owner: ClawBot, receiver: Receiver
) -> None:
    report = await report_of(receiver, owner.sends_voice(VOICE, transcript="带一把伞"))
    assert (report["media_type"], report["voice_text"]) == ("voice", "带一把伞")
    assert int(report["media_size"]) > 0
    assert "voice_text" not in await report_of(receiver, owner.sends_voice(VOICE))


async def test_a_key_that_does_not_fit_is_a_media_error(
    bound: Gateway, owner: ClawBot, receiver: Receiver
) -> None:
    report = await report_of(receiver, owner.sends_file("a.bin", bytes(5000), wrong_key=True))
    assert report["media_error"]
    assert "media_path" not in report
    assert report["media_name"] == "a.bin"
    owner.says("and then")
    await receiver.get(content="and then")


async def test_the_key_of_an_earlier_delivery_of_the_file_is_tried(
    bound: Gateway, owner: ClawBot, receiver: Receiver
) -> None:
    """A file that was sent before may come with a key that is not that of the stored bytes."""
    data = b"the same file twice" * 100
    first = owner.sends_file("a.bin", data)
    await report_of(receiver, first)
    again = owner.sends_file("a.bin", data, wrong_key=True)
    assert first.attachment is not None
    assert again.attachment is not None
    again.attachment.stored = first.attachment.stored
    report = await report_of(receiver, again)
    assert Path(report["media_path"]).read_bytes() == data


async def test_media_that_is_gone_is_a_media_error(
    bound: Gateway, owner: ClawBot, receiver: Receiver, simulator: Simulator
) -> None:
    simulator.faults.add("c2c/download", Fault.RET, ret=-5102019, errmsg="file not found")
    report = await report_of(receiver, owner.sends_image(PNG))
    assert "file not found" in report["media_error"]


async def test_what_no_one_knows_is_told_raw(
    bound: Gateway, owner: ClawBot, receiver: Receiver
) -> None:
    said = owner.sends_item(42, card_item={"id": 2**63 - 1, "name": "卡片"})
    report = await report_of(receiver, said)
    assert report["format"] == "unknown"
    assert "9223372036854775807" in report["content"], "numbers stay whole"
    assert "卡片" in report["content"]


# -- quotes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [QuoteForm.CONTENT, QuoteForm.ID])
async def test_quotes_of_both_sides(
    bound: Gateway, owner: ClawBot, receiver: Receiver, form: QuoteForm
) -> None:
    mine = await bound.get("send_friend_message", id="@owner", content="from the bot")
    assert mine.code == 0
    (sent,) = await owner.hears()
    theirs = owner.says("from the person")
    await receiver.get(content="from the person")
    for quoted, words in ((sent, "from the bot"), (theirs, "from the person")):
        report = await report_of(receiver, owner.says(f"about {words}", quotes=quoted, form=form))
        assert report["content"] == f"about {words}"
        assert report["quote"]["content"] == words
        if form is QuoteForm.ID:
            assert report["quote"]["id"] == quoted.msg_id


async def test_a_part_is_quoted(bound: Gateway, owner: ClawBot, receiver: Receiver) -> None:
    said = owner.says("one, two, one, two, three")
    report = await report_of(receiver, owner.says("this", quotes=said, part="two, one, two"))
    assert report["quote"]["content"] == "two, one, two"


async def test_a_picture_is_quoted_after_a_restart(
    bound: Gateway, world: World, owner: ClawBot, receiver: Receiver
) -> None:
    said = owner.sends_image(PNG)
    first = await report_of(receiver, said)
    await bound.stop()
    await world.start(transport="ilink")
    report = await report_of(receiver, owner.says("nice", quotes=said))
    assert report["quote"]["format"] == "media"
    assert report["quote"]["content"] == first["content"]


# -- other persons ---------------------------------------------------------------------------------------


async def test_another_person_has_a_chat_and_a_budget_of_their_own(
    bound: Gateway, owner: ClawBot, receiver: Receiver, simulator: Simulator
) -> None:
    simulator.ilink.admits_others = True
    other = owner.other("李雷")
    other.says("I am not the owner")
    report = await receiver.get(content="I am not the owner")
    assert report["sender_id"] == other.user_id != owner.user_id
    for number in range(10):
        reply = await bound.get("send_friend_message", id=other.user_id, content=f"{number}")
        assert reply.code == 0
    assert (await bound.get("send_friend_message", id=other.user_id, content="x")).code == 201
    assert (await bound.get("send_friend_message", id="@owner", content="still")).code == 0


# -- one backend on both transports ----------------------------------------------------------------------


def bot(picture: Path) -> Behaviour:
    """Make a backend: it echoes, sends a picture on request, and says what kind of file came."""

    async def answer(posted: PostedReport) -> web.StreamResponse:
        report = posted.json
        if report["post_type"] != "receive_message":
            return web.json_response({})
        match report["format"], report["content"]:
            case "text", "picture":
                return web.json_response({"reply": "here it is", "media": str(picture)})
            case "text", words:
                return web.json_response({"reply": f"you said {words}"})
            case _:
                return web.json_response({"reply": f"you sent: {report['media_type']}"})

    return answer


@pytest.mark.parametrize("transport", ["web", "ilink"])
async def test_the_same_bot_on_both_transports(
    world: World,
    account: Account,
    owner: ClawBot,
    receiver: Receiver,
    transport: str,
    tmp_path: Path,
) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(PNG)
    receiver.behaves(bot(picture))
    api = await world.run(transport=transport)
    person = owner if transport == "ilink" else account.friend("小灰")
    for words in ("hello", "你好"):
        person.says(words)
        assert await person.hears_text() == f"you said {words}"
    person.says("picture")
    text, image = await person.hears(2)
    assert text.text == "here it is"
    assert image.medium is not None
    assert image.medium.data == PNG
    person.sends_image(JPEG)
    assert await person.hears_text() == "you sent: image"
    person.sends_file("a.txt", b"words")
    assert await person.hears_text() == "you sent: file"
    (answer,) = (await api.get("check_client")).json["client"]
    assert answer["transport"] == transport
