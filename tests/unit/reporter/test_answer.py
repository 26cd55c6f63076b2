"""Any answer of ``post_api`` is a reply or nothing, never an error."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwx.reporter.answer import BackendAnswer, read


def parse(body: bytes, charset: str | None) -> BackendAnswer | None:
    return read(body, "application/json", charset, may_reply=True)[0]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
_FIELDS = st.fixed_dictionaries({}, optional={"reply": _JSON, "media": _JSON, "other": _JSON})
_CHARSETS = st.sampled_from([None, "utf-8", "gbk", "utf-16", "base64", "rot13", "nonsense", "\0"])


@given(st.binary() | _JSON.map(lambda value: json.dumps(value).encode()), _CHARSETS)
def test_no_answer_is_an_error(body: bytes, charset: str | None) -> None:
    answer = parse(body, charset)
    assert answer is None or answer.reply or answer.media


@given(_FIELDS)
def test_texts_come_through_and_nothing_else_is_a_reply(fields: dict[str, object]) -> None:
    reply, media = fields.get("reply"), fields.get("media")
    # JSON has no NaN and no infinity: the whole body is ignored.
    try:
        body = json.dumps(fields, allow_nan=False)
    except ValueError:
        return
    answer = parse(body.encode(), None) or BackendAnswer()
    if isinstance(reply, int | float) and not isinstance(reply, bool):
        assert answer.reply == json.dumps(reply)
    else:
        assert answer.reply == (reply if isinstance(reply, str) and reply else None)
    assert answer.media == (media if isinstance(media, str) and media else None)


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
    assert parse(body, charset) == BackendAnswer(text)
