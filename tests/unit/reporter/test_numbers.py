"""``report.numbers``: four members become numbers, and nothing else changes by a byte."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwx.reporter.numbers import NAMES, with_numbers


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (b'"1700000000"', b"1700000000"),
        (b'"0"', b"0"),
        (b'"007"', b"7"),
        (b'"123456789012345678901234567890"', b"123456789012345678901234567890"),
        (b"12", b"12"),
        (b'""', b'""'),
        (b'"-1"', b'"-1"'),
        (b'"1.5"', b'"1.5"'),
        (b'"\\u0661"', b'"\\u0661"'),
        (b'"\xd9\xa1"', b'"\xd9\xa1"'),
        (b"null", b"null"),
        (b"[1]", b"[1]"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_digits_become_numbers(name: str, value: bytes, wanted: bytes) -> None:
    body = b'{"a":"1","%b":%b,"uid":12345678901234567890123,"content":"\\u4f60 5"}'
    assert with_numbers(body % (name.encode(), value)) == body % (name.encode(), wanted)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text() | st.sampled_from(NAMES), _VALUES))
def test_all_else_is_as_it_was(payload: dict[str, object]) -> None:
    body = msgspec.json.encode(payload)
    changed = msgspec.json.decode(with_numbers(body), strict=False)
    again = msgspec.json.decode(body)
    assert changed.keys() == again.keys()
    for name, value in again.items():
        assert str(changed[name]) == str(value) or int(value) == changed[name]
        if name not in NAMES:
            assert changed[name] == value
