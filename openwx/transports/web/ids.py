"""Ids of requests, by which WeChat recognises repetitions. ``upload`` takes them."""

from openwx.domain.send_ids import Ids

# WeChat's own client sends a JavaScript number, which is exact up to 2^53: three digits fit behind the time.
_client_media_ids = Ids(3)


def new_client_media_id() -> int:
    """Return a ``ClientMediaId``: the server takes chunks with the same one for one file."""
    return _client_media_ids.new()
