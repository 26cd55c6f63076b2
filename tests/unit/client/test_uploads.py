"""The client knows every kind of message and every event that the gateway reports."""

import msgspec
import pytest

from openwx.client import Message, NotAnUploadError, TextMessage, decode, events, messages
from openwx.client.uploads import Reply
from openwx.config import EVENTS
from openwx.domain.messages import FORMATS


def test_every_event_has_its_class() -> None:
    assert set(events.KINDS) == set(EVENTS)


def test_every_format_has_its_class() -> None:
    assert set(messages.KINDS) == set(FORMATS)


def test_numbers_that_are_written_as_strings_are_numbers() -> None:
    body = b'{"post_type":"receive_message","format":"text","time":"1700000000","sender_uid":"12"}'
    message = decode(body)
    assert isinstance(message, TextMessage)
    assert (message.time, message.sender_uid) == (1_700_000_000, "12")


def test_what_is_new_is_no_failure() -> None:
    message = decode(b'{"post_type":"receive_message","format":"smell","new":1,"content":"x"}')
    assert type(message) is Message
    assert message.content == "x"
    event = decode(b'{"post_type":"event","event":"party","params":[1,"x"]}')
    assert event == events.UnknownEvent("party", [1, "x"])
    event = decode(b'{"post_type":"event","event":"state_change","params":["a","b","more"]}')
    assert event == events.StateChange("a", "b")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"[]",
        b"{}",
        b"\xff",
        b'{"post_type":1}',
        b'{"post_type":"event","event":"login","params":{}}',
        b'{"post_type":"receive_message","time":"soon"}',
    ],
)
def test_what_is_no_report_is_an_error(body: bytes) -> None:
    with pytest.raises(NotAnUploadError, match="no upload of openwx"):
        decode(body)


def test_a_reply_has_only_what_is_given() -> None:
    assert msgspec.json.encode(Reply()) == b"{}"
    assert msgspec.json.encode(Reply("x")) == b'{"reply":"x"}'
    assert msgspec.json.encode(Reply(media="/p.png")) == b'{"media":"/p.png"}'
