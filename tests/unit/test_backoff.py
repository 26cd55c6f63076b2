"""Pauses between attempts."""

from itertools import islice

import pytest

from openwx import backoff


def test_pauses_double_up_to_the_longest() -> None:
    for pause_s, most_s in zip(backoff.doubling(1, 5), (1, 2, 4, 5, 5, 5), strict=False):
        assert 0.8 * most_s <= pause_s <= most_s


def test_the_last_step_is_repeated() -> None:
    found = list(islice(backoff.steps([1, 10]), 4))
    assert found == [pytest.approx(exact, rel=0.1) for exact in (1, 10, 10, 10)]
