"""Rows, files and headers of others that are no JSON, no UTF-8, or nested too deeply: they are as if they were not."""

from base64 import urlsafe_b64encode
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from openwx import instance
from openwx.accounts.check_event import EventBuffer
from openwx.accounts.returned_events import ReturnedEvents
from openwx.api.peers import hop
from openwx.domain.media import MediaRef
from openwx.errors import BadResponse
from openwx.reporter import delivery_error
from openwx.reporter.clock import Clock
from openwx.reporter.numbers import with_numbers
from openwx.reporter.payload import payload_in, with_path
from openwx.transports.ilink import items, memory
from openwx.transports.ilink.memory import Memory

TEXTS = [b"{broken", b'"\xff"', b'{"\xff": 1}', b'{"boot": "\xff"}', b'{"x":' + b"[" * 100_000]

unreadable = pytest.mark.parametrize("data", TEXTS, ids=range(len(TEXTS)))


@unreadable
def test_what_an_account_remembers(data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    read = Memory.of(dict.fromkeys(memory.NAMES, data), "me")
    assert (read.session, read.cursor, read.people.friends) == (None, "", {})
    assert "the saved session cannot be read" in caplog.text


@unreadable
def test_the_steps_of_the_clock(data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    Clock().resume(data)
    assert "the steps of the clock cannot be read" in caplog.text


@unreadable
async def test_what_check_event_has_returned(data: bytes) -> None:
    async def nothing(*_: object, **__: object) -> Any:
        return SimpleNamespace(reports=[], more=False) if __ else 0

    journal = SimpleNamespace(ownership=True, newest_published=nothing, published=nothing)
    returned = ReturnedEvents("me", cast("Any", journal), EventBuffer(10))
    assert await returned.unreturned(data) == []


@unreadable
def test_the_body_of_a_report(data: bytes) -> None:
    assert payload_in(data) == {}
    assert with_path(data, "/elsewhere") == data
    assert with_numbers(data).replace(b" ", b"") == data.replace(b" ", b"")


@unreadable
def test_the_file_of_a_gateway(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "running.json").write_bytes(data)
    assert instance.left(tmp_path / "running.json") is None


@unreadable
def test_the_refusal_of_a_hop(data: bytes) -> None:
    assert hop.refusal_in({hop.REFUSAL: urlsafe_b64encode(data).decode()}) is None


@pytest.mark.parametrize("source", ["", "{broken", '{"x":' + "[" * 100_000], ids=range(3))
def test_where_media_are(source: str) -> None:
    with pytest.raises(BadResponse):
        items.source_of(MediaRef(kind="file", msg_id="1", source=source))


@pytest.mark.parametrize("depth", [20, 400, 100_000])
def test_an_error_of_a_delivery_that_is_nested(depth: int) -> None:
    end = '{"code":"too_late"}'
    text = '{"code":"too_old","params":{"error":' * depth + end + "}}" * depth
    assert delivery_error.words_of(text) == text
    assert delivery_error.code_of(text) == ""


def test_an_error_of_a_delivery_with_half_a_surrogate_pair() -> None:
    assert delivery_error.words_of('{"code":"\ud800"}') == '{"code":"\ud800"}'
