"""Any answer of ``post_api`` is a reply or nothing, never an error."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwx.reporter.answer import MOST_REPLIES, BackendAnswer, Reply, read


def parse(body: bytes, charset: str | None) -> BackendAnswer | None:
    return read(body, "application/json", charset, may_reply=True)[0]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
_FIELDS = st.fixed_dictionaries({}, optional={"reply": _JSON, "media": _JSON, "other": _JSON})
_ANY_FIELDS = st.dictionaries(st.sampled_from(["reply", "media", "replies"]), _JSON)
_CHARSETS = st.sampled_from([None, "utf-8", "gbk", "utf-16", "base64", "rot13", "nonsense", "\0"])


@given(st.binary() | (_JSON | _ANY_FIELDS).map(lambda value: json.dumps(value).encode()), _CHARSETS)
def test_no_answer_is_an_error(body: bytes, charset: str | None) -> None:
    answer = parse(body, charset)
    assert answer is None or 1 <= len(answer.replies) <= MOST_REPLIES
    assert answer is None or all(reply.text or reply.media for reply in answer.replies)


@given(_FIELDS)
def test_texts_come_through_and_nothing_else_is_a_reply(fields: dict[str, object]) -> None:
    reply, media = fields.get("reply"), fields.get("media")
    # JSON has no NaN and no infinity: the whole body is ignored.
    try:
        body = json.dumps(fields, allow_nan=False)
    except ValueError:
        return
    texts = reply if isinstance(reply, list) else [reply]
    wanted = [text for one in texts[:MOST_REPLIES] if (text := _as_text(one))]
    answer = parse(body.encode(), None) or BackendAnswer(())
    assert [one.text for one in answer.replies if one.text] == wanted
    files = [one.media for one in answer.replies if one.media]
    assert files == ([media] if isinstance(media, str) and media else [])


def _as_text(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return json.dumps(value)
    return value if isinstance(value, str) else ""


def test_several_replies_come_in_order() -> None:
    answer = parse(
        b'{"reply": ["one", 2], "media": "m", "replies": [{"media": "n"}, {"reply": "3", "media": "o"}]}',
        None,
    )
    first, second = Reply("one"), Reply("2", "m")
    assert answer == BackendAnswer((first, second, Reply(None, "n"), Reply("3", "o")))


@pytest.mark.parametrize(
    "fields",
    [
        {"reply": ["x"] * 25},
        {"replies": [{"reply": "x"}] * 25},
        {"reply": ["x"] * 5, "replies": [{"reply": "x"}] * 20},
    ],
)
def test_more_than_ten_replies_are_complained_about(fields: dict[str, object]) -> None:
    body = json.dumps(fields).encode()
    answer, (complaint,) = read(body, "application/json", None, may_reply=True)
    assert answer == BackendAnswer((Reply("x"),) * 10)
    assert complaint.words == "the answer has more than 10 replies: 15 are ignored"


def test_a_long_list_holds_up_nobody() -> None:
    answer, complaints = read(
        b'{"replies": [' + b"1," * 500_000 + b"1]}", "application/json", None, may_reply=True
    )
    assert answer is None
    assert len(complaints) == MOST_REPLIES + 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"replies": "x"}, "replies in the answer is ignored: it must be a list of objects"),
        (
            {"replies": [["x"]]},
            "replies[0] in the answer is ignored: it must be an object with reply, media or both",
        ),
        (
            {"replies": [{"reply": ["x"]}]},
            "replies[0].reply in the answer is ignored: it must be a string",
        ),
        ({"reply": ["a", {}]}, "reply[1] in the answer is ignored: it must be a string"),
        ({"media": ["a"]}, "media in the answer is ignored: it must be a string"),
    ],
)
def test_what_cannot_be_a_reply_is_named(fields: dict[str, object], words: str) -> None:
    _, complaints = read(json.dumps(fields).encode(), "application/json", None, may_reply=True)
    assert [complaint.words for complaint in complaints] == [words]


@pytest.mark.parametrize("depth", [10, 1_000, 100_000])
def test_a_deep_answer_ends_nothing(depth: int) -> None:
    body = b'{"reply":' + b"[" * depth + b"]" * depth + b"}"
    assert parse(body, None) is None


@pytest.mark.parametrize("charset", ["punycode", "idna", "unicode_escape"])
def test_an_answer_in_an_odd_codec_holds_up_nobody(charset: str) -> None:
    """Punycode of this size would take the machine minutes."""
    body = b"a-" + b"a9" * 500_000
    answer, (complaint,) = read(body, "application/json", charset, may_reply=True)
    assert (answer, complaint.is_reply) == (None, False)
    assert complaint.words == f"the answer is ignored: {charset!a} is no charset"


@pytest.mark.parametrize("charset", ["ascii", "GBK", "gb2312", "utf-16", "windows-1252", "big5"])
def test_answers_in_usual_character_sets_are_read(charset: str) -> None:
    text = "ok" if charset in ("ascii", "windows-1252") else "你好"
    body = json.dumps({"reply": text}, ensure_ascii=False).encode(charset)
    assert parse(body, charset) == BackendAnswer((Reply(text),))
