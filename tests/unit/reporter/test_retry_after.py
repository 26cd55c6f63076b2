"""``Retry-After``: seconds or a date within reason; anything else is ignored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwx.reporter.post_result import retry_after

NOW = 1_577_836_800.0
"""2020-01-01 00:00:00 UTC."""


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, 0),
        ("17", 17),
        ("-5", 0),
        ("9" * 400, 300),
        ("Wed, 01 Jan 2020 00:00:20 GMT", 20),
        ("Wed, 01 Jan 2020 02:00:20 +0200", 20),
        ("Fri, 01 Jan 2021 00:00:00 GMT", 300),
        ("Tue, 31 Dec 2019 00:00:00 GMT", 0),
        ("soon", 0),
        ("Mon, 99999999999999999999 Jan 2020 00:00:00 GMT", 0),
        ("Mon, 01 Jan 99999999999999 00:00:00 GMT", 0),
        ("Mon, 01 Jan 2020 00:00:00 +99999999999999999", 0),
    ],
)
def test_a_pause_is_within_reason(value: str | None, seconds: float) -> None:
    assert retry_after(value, NOW) == seconds


_PARTS = st.sampled_from(["Mon,", "Jan", "GMT", "00:00:00", ":", "+", "-", " ", "99:99"])


@given(st.lists(_PARTS | st.integers().map(str) | st.text(max_size=3), max_size=9).map(" ".join))
def test_nothing_that_a_backend_says_is_an_error(value: str) -> None:
    assert 0 <= retry_after(value, NOW) <= 300
