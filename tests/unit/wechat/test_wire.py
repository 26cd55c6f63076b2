"""Reading WeChat's JSON leniently: one broken record costs nothing but itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from openwx.errors import ProtocolError
from openwx.wechat import wire

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


def test_one_broken_record_leaves_its_neighbours_alone() -> None:
    body = b"{" + OK + b',"ContactList":[{"UserName":"@1"},{"UserName":[]},7,{"UserName":"@2"}]}'
    good, broken = wire.each(
        wire.decode("x", body, wire.BatchContactReply).ContactList, wire.Contact
    )
    assert [record.UserName for record in good] == ["@1", "@2"]
    assert broken == [b'{"UserName":[]}', b"7"]


def test_a_missing_field_is_told_from_an_empty_one() -> None:
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
    with pytest.raises(ProtocolError, match="webwxsync"):
        wire.decode("webwxsync", body, wire.SyncReply)


def test_deep_nesting_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError):
        wire.decode("webwxsync", b"[" * 100_000, wire.SyncReply)


@given(st.binary())
def test_any_bytes_are_an_answer_or_a_protocol_error(body: bytes) -> None:
    for kind in (wire.SyncReply, wire.InitReply, wire.SendReply):
        try:
            assert isinstance(wire.decode("x", body, kind), kind)
        except ProtocolError:
            continue
