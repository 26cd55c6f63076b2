"""Server-Sent Events as the HTML standard writes them."""

from openwx import sse


def test_an_event() -> None:
    assert sse.event(b"x") == b"data: x\n\n"
    assert sse.event(b"", name="alive") == b"event: alive\ndata: \n\n"
    assert sse.event(b"{}", name="login", id=7) == b"event: login\ndata: {}\nid: 7\n\n"


def test_no_line_break_of_the_data_ends_its_line() -> None:
    assert sse.event(b"a\nb\r\nc\rd") == b"data: a\ndata: b\ndata: c\ndata: d\n\n"


def test_an_event_in_pieces_is_the_same() -> None:
    assert sse.begin("login") + b"{" + b"}" + sse.end(7) == sse.event(b"{}", name="login", id=7)
