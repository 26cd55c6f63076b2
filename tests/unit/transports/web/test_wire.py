"""Reading WeChat's JSON leniently: one broken record costs nothing but itself."""

import json
import traceback

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from openwx.errors import BadResponse
from openwx.transports.web import wire

OK = b'"BaseResponse":{"Ret":0,"ErrMsg":""}'


def test_numbers_may_come_as_strings_and_unknown_fields_are_ignored() -> None:
    body = b'{"BaseResponse":{"Ret":"0","ErrMsg":null,"X":1},"Seq":"12","MemberList":[],"Y":{}}'
    reply = wire.decode("webwxgetcontact", body, wire.ContactReply)
    assert (reply.Seq, reply.BaseResponse.Ret) == (12, 0)


def test_what_a_browser_would_read_is_read() -> None:
    """Raw control characters in strings, and bytes that are no UTF-8."""
    body = b"{" + OK + b',"ContactList":[{"UserName":"@1","NickName":"a\nb\xff"}]}'
    (record,), broken = wire.each(
        wire.decode("x", body, wire.BatchContactReply).ContactList, wire.Contact
    )
    assert record.NickName == "a\nb\ufffd"
    assert not broken


def test_half_a_surrogate_is_replaced() -> None:
    body = b"{" + OK + rb',"SKey":"\ud83d"}'
    assert wire.decode("webwxsync", body, wire.SyncReply).SKey == "?"


@pytest.mark.parametrize(
    ("odd", "text"),
    [
        (b"a\xffb", "a\ufffdb"),
        (b"a\x01b", "a\x01b"),
        (rb"a\ud83db", "a?b"),
        (rb"\ud83d\ude04", "😄"),
        (b"\xed\xa0\xbd", "\ufffd\ufffd\ufffd"),
    ],
)
def test_a_record_of_odd_bytes_is_read_too(odd: bytes, text: str) -> None:
    """Also alone in an answer that is fine otherwise, where only the record's own reader stumbles."""
    body = b"{" + OK + b',"ContactList":[{"UserName":"@1","NickName":"' + odd + b'"}]}'
    (record,), _ = wire.each(
        wire.decode("x", body, wire.BatchContactReply).ContactList, wire.Contact
    )
    assert record.NickName == text


def test_a_byte_order_mark_is_no_part_of_an_answer() -> None:
    assert wire.decode("x", b"\xef\xbb\xbf{" + OK + b"}", wire.Reply).BaseResponse.Ret == 0


def test_null_is_a_field_that_is_not_there() -> None:
    body = b"{" + OK + b',"SKey":null,"ContinueFlag":null,"SyncKey":null,"AddMsgList":null}'
    reply = wire.decode("webwxsync", body, wire.SyncReply)
    assert (reply.SKey, reply.ContinueFlag) == ("", 0)
    assert not reply.SyncKey.read()


def test_a_sync_key_that_cannot_be_read_is_no_answer() -> None:
    """Taken for an empty one, the old key would ask for the same messages for ever."""
    body = b"{" + OK + b',"SyncKey":{"Count":1,"List":[{"Key":1,"Val":"x"}]}}'
    with pytest.raises(BadResponse):
        wire.decode("webwxsync", body, wire.SyncReply)


@pytest.mark.parametrize("kind", [wire.UploadReply, wire.CheckUploadReply])
@pytest.mark.parametrize("odd", ["x" * 2001, "a b", "\u5c0f"])
def test_an_odd_media_id_is_no_answer(kind: type[wire.UploadReply], odd: str) -> None:
    """The store finds the file by it, and callers name it."""
    body = b"{" + OK + b',"MediaId":"%s"}'
    right = "@crypt_" + "x" * 1993
    assert wire.decode("x", body % right.encode(), kind).MediaId == right
    with pytest.raises(BadResponse):
        wire.decode("x", body % odd.encode(), kind)


def test_one_odd_field_costs_only_itself() -> None:
    raw = msgspec.Raw(
        b'{"UserName":"@1","NickName":"n","Sex":"","VerifyFlag":{},"City":null,"Uin":[1],"X":[{}]}'
    )
    record = wire.read(raw, wire.Contact)
    assert record == wire.Contact("@1", NickName="n")


def test_a_number_of_thousands_of_digits() -> None:
    raw = msgspec.Raw(b'{"UserName":"@1","NickName":"n","Sex":' + b"9" * 5_000 + b"}")
    assert wire.read(raw, wire.Contact) == wire.Contact("@1", NickName="n")
    body = b'{"BaseResponse":{"Ret":' + b"9" * 5_000 + b"}}"
    with pytest.raises(BadResponse):
        wire.decode("x", body, wire.Reply)


def test_errors_hold_nothing_of_the_answer() -> None:
    body = b'{"BaseResponse":{"Ret":"@crypt_secret"},"SKey":"@crypt_secret\xff"}'
    with pytest.raises(BadResponse) as failure:
        wire.decode("webwxinit", body, wire.InitReply)
    assert "crypt" not in "".join(traceback.format_exception(failure.value))


@pytest.mark.parametrize(
    ("uin", "uid"),
    [
        (0, ""),
        ("0", ""),
        ("", ""),
        (" 12 ", 12),
        (12, 12),
        ("wxid_a", "wxid_a"),
        ("1@chatroom", "1@chatroom"),
        ("²", "²"),
        ("9" * 5_000, "9" * 5_000),
        ("<br/>", ""),
        ("1<br/>2", ""),
        ("wxid_a\nwxid_b", ""),
        ("&#49;", ""),
    ],
)
def test_what_a_uin_says(uin: int | str, uid: int | str) -> None:
    assert wire.lasting(uin) == uid


def test_half_a_character_becomes_a_question_mark() -> None:
    assert wire.encode({"a": ["你\ud83d", "\\u"]}) == '{"a":["你?","\\\\u"]}'.encode()


def test_one_broken_record_leaves_its_neighbours_alone() -> None:
    body = b"{" + OK + b',"ContactList":[{"UserName":"@1"},{"UserName":[]},7,{"UserName":"@2"}]}'
    good, broken = wire.each(
        wire.decode("x", body, wire.BatchContactReply).ContactList, wire.Contact
    )
    assert [record.UserName for record in good] == ["@1", "@2"]
    assert broken == [b'{"UserName":[]}', b"7"]


def test_a_missing_field_differs_from_an_empty_one() -> None:
    ((record,), _) = wire.each(
        wire.decode(
            "x",
            b"{" + OK + b',"ContactList":[{"UserName":"@1","City":""}]}',
            wire.BatchContactReply,
        ).ContactList,
        wire.Contact,
    )
    assert record.City == ""
    assert record.Province is UNSET


def test_keys_of_count_0_mean_nothing() -> None:
    assert not wire.Keys(0, [wire.KeyVal(1, 2)]).read()
    assert str(wire.Keys(2, [wire.KeyVal(1, 2), wire.KeyVal(3, 4)]).read()) == "1_2|3_4"


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"<html>", b"{", b"{}", b'{"BaseResponse":{}}']
)
def test_what_is_no_answer_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(BadResponse, match="webwxsync"):
        wire.decode("webwxsync", body, wire.SyncReply)


def test_deep_nesting_is_a_protocol_error() -> None:
    with pytest.raises(BadResponse):
        wire.decode("webwxsync", b"[" * 100_000, wire.SyncReply)


@given(st.binary())
def test_any_bytes_are_an_answer_or_a_protocol_error(body: bytes) -> None:
    for kind in (wire.SyncReply, wire.InitReply, wire.SendReply):
        try:
            assert isinstance(wire.decode("x", body, kind), kind)
        except BadResponse:
            continue


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from([*wire.Contact.__struct_fields__, "X"]), JSON, max_size=5),
    st.binary(max_size=3),
    st.integers(0, 200),
)
def test_any_record_is_read_or_kept(record: object, odd: bytes, at: int) -> None:
    encoded = json.dumps(record).encode()
    raw = msgspec.Raw(encoded[:at] + odd + encoded[at:])
    for kind in (wire.Contact, wire.Message, wire.Profile):
        good, broken = wire.each([raw], kind)
        assert len(good) + len(broken) == 1
        msgspec.json.encode(good)
    msgspec.json.encode(wire.fields(raw))
