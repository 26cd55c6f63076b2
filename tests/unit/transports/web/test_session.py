"""A session is saved, read again, and never shows its secrets."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from openwx.errors import BadResponse
from openwx.transports.web.session import Session, SyncKey, domain_of

from .serving import SESSION


def test_a_session_survives_being_saved() -> None:
    session = replace(SESSION, uids={"@1": 5, "@2": "wxid_a"}, published=True)
    assert Session.from_bytes(session.to_bytes(), session.uids_to_bytes()) == session


def test_a_session_that_was_saved_together_with_its_uids_keeps_them() -> None:
    saved = msgspec.json.encode(replace(SESSION, uids={"@1": 5}))
    assert Session.from_bytes(saved).uids == {"@1": 5}


@pytest.mark.parametrize("broken", [b"", b"[]", b'{"@1": null}', b"[" * 100_000])
def test_broken_uids_are_reported_with_one_error(broken: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        Session.from_bytes(SESSION.to_bytes(), broken)


def test_a_session_of_a_former_version_is_read() -> None:
    saved = b'{"uin":"1","sid":"s","skey":"k","pass_ticket":"p","domain":"wx.qq.com","x":1}'
    assert not Session.from_bytes(saved).sync_key


@given(st.binary())
def test_what_is_no_session_is_reported_with_one_error(data: bytes) -> None:
    saved = SESSION.to_bytes()
    for broken in (data, saved[:-20] + data, saved.replace(b"crypt", data)):
        try:
            Session.from_bytes(broken)
        except msgspec.DecodeError:
            continue


def test_deep_nesting_is_no_session() -> None:
    with pytest.raises(msgspec.DecodeError):
        Session.from_bytes(b'{"x":' + b"[" * 100_000)


@pytest.mark.parametrize(
    ("uin", "stated"), [("12", 12), ("", ""), ("x", "x"), ("9" * 5_000, "9" * 5_000)]
)
def test_the_uin_is_a_number_where_it_is_one(uin: str, stated: int | str) -> None:
    assert replace(SESSION, uin=uin).base_request()["Uin"] == stated


def test_every_login_has_another_id() -> None:
    assert SESSION.login_id == replace(SESSION, skey="other", sync_key=SyncKey()).login_id
    assert SESSION.login_id != replace(SESSION, sid="other").login_id


@pytest.mark.parametrize(
    "host", ["wx.qq.com", "wx2.qq.com", "wx8.qq.com", "web.wechat.com", "web2.wechat.com"]
)
def test_hosts_of_wechat(host: str) -> None:
    assert domain_of(host, "x") == host


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "evil.com",
        "qq.com.evil.com",
        "evilqq.com",
        ".qq.com",
        "wx..qq.com",
        "wx.qq.com.",
        f"{'x' * 64}.qq.com",
        f"{'x.' * 120}qq.com",
    ],
)
def test_hosts_that_are_not_wechats(host: str) -> None:
    with pytest.raises(BadResponse, match="redirect_uri"):
        domain_of(host, "x")
