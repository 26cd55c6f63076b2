"""Base64 is decoded by pieces, and comes to what it comes to as a whole."""

import base64
import binascii

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openwx.accounts.media import resolver


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "_READ", 7)


def whole(data: str) -> bytes:
    """Decode all of it at once, with just as much padding as it needs."""
    compact = "".join(data.replace(" ", "+").split())
    content = compact.rstrip("=")
    missing = -len(content) % 4
    if len(compact) - len(content) < missing or "=" in content or (compact and not content):
        raise binascii.Error
    alt = b"-_" if "-" in content or "_" in content else None
    return base64.b64decode(content + "=" * missing, altchars=alt, validate=True)


@given(st.binary(max_size=60), st.booleans(), st.integers(1, 9))
def test_what_is_base64(data: bytes, urlsafe: bool, width: int) -> None:
    encoded = (base64.urlsafe_b64encode if urlsafe else base64.b64encode)(data).decode()
    lines = "\n".join(encoded[n : n + width] for n in range(0, len(encoded), width))
    for text in (encoded, lines, lines + "\r\n", f"data:image/png;base64,{encoded}"):
        assert resolver._from_base64(text) == data


@given(st.text(alphabet="AQg=+/-_ \n!", max_size=30))
@example("QA/==")
@example("/gg-=\n===")
@example("AAAA=")
@example("=")
@example("====")
@example("AA=A")
def test_what_is_none(text: str) -> None:
    try:
        expected = whole(text)
    except binascii.Error:
        with pytest.raises(binascii.Error):
            resolver._from_base64(text)
    else:
        assert resolver._from_base64(text) == expected
