"""Redirects of ``post_api``: followed with POST and body on the same host, refused elsewhere, and never for ever."""

import base64
import hashlib
import hmac

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from openwx.reporter import redirects
from openwx.reporter.delivery_error import DeliveryErrorCode, words_of

from .receiver import Receiver, status
from .world import World, a_message

CODES = [301, 302, 307, 308]


def moves(receiver: Receiver, number: int, *locations: str) -> None:
    receiver.script = [status(number, Location=location) for location in locations]


@pytest.mark.parametrize("number", CODES)
async def test_it_is_posted_where_the_redirect_leads(
    world: World, receiver: Receiver, number: int
) -> None:
    absolute = f"http://127.0.0.1:{receiver.port}/hook?at=2"
    moves(receiver, number, "/hook?at=1", absolute, "hook?at=3", "?at=4", "./hook?at=5#part")
    world.start(secret="s3cret", url_client="me")
    await world.record(a_message(1, uid="abc"))
    await world.done()
    assert [got.query.get("at") for got in receiver.got] == [None, "1", "2", "3", "4", "5"]
    assert len({got.raw for got in receiver.got}) == 1
    for got in receiver.got:
        assert got.query["client"] == "me"
        assert got.headers["Content-Type"] == "application/json"
        signed = b"msg_abc." + got.headers["webhook-timestamp"].encode() + b"." + got.raw
        digest = base64.b64encode(hmac.new(b"s3cret", signed, hashlib.sha256).digest()).decode()
        assert got.headers["webhook-signature"] == f"v1,{digest}"
    assert await world.journal.failed("me") == []


@pytest.mark.parametrize("size", [10, 3_000_000])
async def test_the_body_is_posted_again_whole(world: World, receiver: Receiver, size: int) -> None:
    moves(receiver, 307, "/hook?at=1")
    world.start()
    await world.record(a_message(1, with_={"x": "x" * size}))
    await world.done()
    assert [len(got.json["x"]) for got in receiver.got] == [size, size]


async def test_a_loop_ends(world: World, receiver: Receiver) -> None:
    receiver.otherwise = status(302, Location="/hook?secret=in-the-query")
    world.start(tries=1)
    await world.record(a_message(1))
    await world.done()
    assert len(receiver.got) == 6
    (failed,) = await world.journal.failed("me")
    assert failed.http_status == 302
    assert (
        words_of(failed.error)
        == "HTTP 302 once more, after 5 redirects, which is not followed: /hook?***"
    )


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http://other.example/hook?token=x", "to another host, which is not followed: http://other.example/hook?***"),
        ("//other.example/hook", "to another host, which is not followed: //other.example/hook"),
        ("http://u:pw@localhost/hook", "to another host, which is not followed: http://***@localhost/hook"),
        ("file:///etc/passwd", "to no http address, which is not followed: file:///etc/passwd"),
        ("http://127.0.0.1:99999/", "to no address, which is not followed: http://127.0.0.1:99999/"),
        ("http://", "which is not followed: http://"),
        ("http://[]@", "to no address, which is not followed: http://***@"),
        ("\x1b[31mred\x07", "which"),
    ],
)  # fmt: skip
async def test_elsewhere_is_a_refusal_that_names_the_location(
    world: World, receiver: Receiver, location: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def moved(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(
            b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %b\r\n\r\n" % location.encode()
        )
        request.transport.close()
        return web.Response()

    receiver.otherwise = moved
    world.start(tries=2)
    await world.record(a_message(1))
    await world.done()
    (failed,) = await world.journal.failed("me")
    assert failed.tries == 2
    assert why in words_of(failed.error) or failed.http_status == 0
    assert words_of(failed.error).isprintable()
    assert words_of(failed.error) in caplog.text


async def test_303_leads_to_nothing_that_can_be_posted_to(world: World, receiver: Receiver) -> None:
    receiver.otherwise = status(303, Location="/done")
    world.start(tries=1)
    await world.record(a_message(1))
    await world.done()
    assert len(receiver.got) == 1
    (failed,) = await world.journal.failed("me")
    assert words_of(failed.error) == "HTTP 303 to /done, which is not followed"


@pytest.mark.parametrize(
    ("url", "location", "wanted"),
    [
        ("http://h/a", "https://h/a", "https://h/a"),
        ("http://h:8080/a", "https://h:8443/b", "https://h:8443/b"),
        ("http://H/a", "http://h./b", "http://h./b"),
        ("https://h/a", "http://h/a", DeliveryErrorCode.REDIRECT_FROM_HTTPS),
        ("http://u:p@h/a", "/b", "http://u:p@h/b"),
        ("http://u:p@h/a", "https://h/b", "https://u:p@h/b"),
        ("http://u:p@h/a", "http://h:99/b", "http://h:99/b"),
        ("http://u:p@h/a", "http://x:y@h/b", "http://x:y@h/b"),
        ("http://h/a/b", "c/", "http://h/a/c/"),
        ("http://h/a", "ws://h/a", DeliveryErrorCode.REDIRECT_TO_NO_HTTP),
    ],
)
def test_where_a_redirect_leads(url: str, location: str, wanted: str) -> None:
    target = redirects.next_url(URL(url), location)
    assert str(target) == wanted


@given(st.text())
def test_no_location_is_an_error(location: str) -> None:
    target = redirects.next_url(URL("http://user:pw@host:1/path"), location)
    assert isinstance(target, str) or target.host in ("host", "host.")
    words = redirects.in_words(location)
    assert words.isprintable()
    assert len(words) <= 201
