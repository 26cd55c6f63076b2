"""Addresses that others wrote."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openwx.urls import parsed


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize("text", ["http://[]@", "//[]@/a", "http://[", "http://a\\b/"])
def test_what_is_no_address_is_a_value_error(text: str, encoded: bool) -> None:
    with pytest.raises(ValueError, match=r"host|IPv6|URL"):
        parsed(text, encoded=encoded)


@given(st.text("aZ.-:/@%?#\\[]01é", max_size=30), st.booleans())
@example("://[]@", False)
def test_any_text_is_an_address_or_a_value_error(text: str, encoded: bool) -> None:
    for scheme in ("", "http:", "http://"):
        try:
            assert parsed(scheme + text, encoded=encoded) is not None
        except ValueError:
            continue
