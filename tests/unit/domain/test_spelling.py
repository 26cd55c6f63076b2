"""Names and texts compared in other spellings, in a time that grows with their length alone."""

import time
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwx.domain import spelling
from openwx.domain.spelling import alike, has_part, has_words

MARKS = "a" + "\u0301\u0316" * 30_000
"""What a stranger can write: ``unicodedata`` sorts it in a time that grows with the square of its length."""
QUICK_S = 2.0
"""Many times what it takes; the plain function takes ten times as long."""


@pytest.mark.parametrize(
    "compare",
    [
        lambda: has_words("word")(MARKS),
        lambda: has_part("part")(MARKS),
        lambda: alike("name")(MARKS),
        lambda: alike(MARKS)("name"),
    ],
    ids=["words", "part", "name", "given name"],
)
def test_rows_of_marks_take_no_long_time(compare: Callable[[], bool]) -> None:
    began = time.thread_time()
    assert not compare()
    assert time.thread_time() - began < QUICK_S


def test_words_around_a_row_of_marks_are_found() -> None:
    assert has_words("later first")(f"first {MARKS} LATER")
    assert has_part("é")(f"{MARKS} E\u0301")


@given(st.text(st.sampled_from("aé한ᄒ \u0301\u0316\u0327\u3099か😀\ufe0f\u0e34ก"), max_size=80))
def test_texts_of_people_are_normalized_as_always(text: str) -> None:
    row = longest = 0
    for character in text:
        row = row + 1 if unicodedata.combining(character) else 0
        longest = max(longest, row)
    for form in ("NFC", "NFKC"):
        if longest <= spelling._MOST_MARKS:
            assert spelling._normal(form, text) == unicodedata.normalize(form, text)


def test_no_mark_is_in_the_ranges_that_are_skipped() -> None:
    """Otherwise a long row would not be noticed."""
    marks = [chr(code) for code in range(0x110000) if unicodedata.combining(chr(code))]
    assert len(marks) > 500
    for mark in marks:
        assert spelling._MANY_IN_A_ROW.fullmatch(mark * (spelling._MOST_MARKS + 1)), ascii(mark)


def test_what_callers_give_is_not_kept() -> None:
    """They could fill the memory with it."""
    before = spelling._spelling_of_name.cache_info().currsize
    for number in range(10):
        alike(f"Anna {number} é")
    assert spelling._spelling_of_name.cache_info().currsize == before
