"""Which part of a text is quoted."""

import hashlib
from pathlib import Path

import msgspec
import pytest

from openwx import store
from openwx.accounts.quotes import Quotes, part_of
from openwx.domain.contacts import Friend
from openwx.domain.messages import PartialText, Parties, Quote, Text
from openwx.store.records import NewReport, WriteBatch, new_uid

TEXT = "一 one two one 二 two one end"


def part(words: str, start: str, end: str, start_index: int, end_index: int) -> PartialText:
    md5 = hashlib.md5(words.encode()).hexdigest().upper()
    return PartialText(start, end, start_index, end_index, md5)


@pytest.mark.parametrize(
    ("words", "start", "end", "start_index", "end_index"),
    [
        ("one two", "one", "two", 1, 1),
        ("one two", "one", "two", 0, 0),
        ("one 二 two", "one", "two", 2, 2),  # over the whole text
        ("one 二 two", "one", "two", 2, 1),  # from the start
        ("one 二 two", "one", "two", 1, 0),  # the first is 0
        ("one end", "one", "end", 3, 1),
        ("二", "二", "二", 1, 1),
        (TEXT, "一", "end", 1, 1),
    ],
)
def test_the_md5_decides_how_occurrences_are_counted(
    words: str, start: str, end: str, start_index: int, end_index: int
) -> None:
    assert part_of(TEXT, part(words, start, end, start_index, end_index)) == words


@pytest.mark.parametrize(
    "wrong",
    [
        part("two", "one", "two", 1, 1),
        part("one two", "three", "two", 1, 1),
        part("one two", "one", "four", 1, 1),
        part("one two", "one", "two", 10**18, 10**18),
        part("one two", "one", "two", -5, -1),
        PartialText("one", "two", 1, 1, "no md5"),
    ],
)
def test_otherwise_it_is_the_whole_text(wrong: PartialText) -> None:
    assert part_of(TEXT, wrong) == TEXT


def test_long_texts_take_no_long_time() -> None:
    text = "a" * 100_000
    assert part_of(text, part("b", "a" * 50, "a" * 50, 10**6, 10**6)) == text


@pytest.mark.parametrize(
    "body", [msgspec.json.encode({"post_type": "event", "event": "friend_request"}), b""]
)
async def test_what_is_no_message_is_not_quoted(tmp_path: Path, body: bytes) -> None:
    friend = Friend(id="@1")
    text = Text(
        id="2",
        time=0,
        content="x",
        parties=Parties(chat=friend, sender=friend, receiver=None, mine=False),
        quote=Quote(id="1"),
    )
    async with store.open(tmp_path / "journal.db", beside=[]) as journal:
        report = NewReport(chat="", kind="friend_request", body=body, uid=new_uid(), dedupe="me:1")
        await journal.write(WriteBatch(account="me", reports=[report]))
        quotes = Quotes("me", journal)
        assert await quotes.complete(text, "me", {}) == text
        said = {"content": "y", "format": "text", "sender_id": "@1"}
        known = await quotes.complete(text, "me", {"me:1": said})
        assert known.quote == Quote(id="1", content="y", format="text")
        # Somebody else's, whose id a person may guess.
        for role in ("sender_id", "receiver_id"):
            others = {"content": "y", "format": "text", role: "@2"}
            assert await quotes.complete(text, "me", {"me:1": others}) == text
