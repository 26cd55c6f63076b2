"""``report.numbers``: members that the original document shows as strings of digits, as numbers like 1.4.6.
``Poster`` calls it.
"""

import msgspec

from openwx.store.decoding import decode_row

NAMES = ("time", "media_size", "media_mtime", "media_code")


def with_numbers(body: bytes) -> bytes:
    """Turn ``NAMES`` of a JSON object into numbers if they are digits. All others stay unchanged, to the byte."""
    members = decode_row(body, dict[str, msgspec.Raw], "a report")
    if members is None:
        return body
    for name in NAMES:
        text = bytes(members.get(name, b"")).strip(b'"')
        if text.isdigit():
            members[name] = msgspec.Raw(text.lstrip(b"0") or b"0")
    return msgspec.json.encode(members)
