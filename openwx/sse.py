"""Encodes Server-Sent Events (the ``text/event-stream`` of the HTML standard).
Streams of the API, the console and the simulator write them.
"""

HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx forwards each event at once
    "X-Content-Type-Options": "nosniff",
}
ALIVE = b":\n\n"
"""A comment, which shows that the stream lives."""


def event(data: bytes, *, name: str = "", id: int | None = None) -> bytes:
    """Encode an event. ``data`` may have several lines."""
    return begin(name) + b"\ndata: ".join(data.splitlines()) + end(id)


def begin(name: str = "") -> bytes:
    """Encode what stands before the data of an event: its data may then come in pieces, without line breaks."""
    return (b"event: %s\n" % name.encode() if name else b"") + b"data: "


def end(id: int | None = None) -> bytes:
    """Encode what stands after the data of an event. Browsers send the last ``id`` when they reconnect."""
    return b"\n\n" if id is None else b"\nid: %d\n\n" % id


def cursor(id: int) -> bytes:
    """Encode an id without an event: where to go on."""
    return b"id: %d\n\n" % id


def retry(milliseconds: int) -> bytes:
    """Encode how long a browser waits before it reconnects. Another field or a blank line follows."""
    return b"retry: %d\n" % milliseconds
