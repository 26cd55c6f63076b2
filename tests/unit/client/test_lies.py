"""What the members of errors and streams are where a gateway sends nonsense in their place."""

import pytest

from openwx.client import Ambiguous, BadParameter, KeyReused, NotOpenwx, QueueFull, RefusedByWeChat
from openwx.client.errors import failure
from openwx.client.stream import is_id
from openwx.client.uploads import of_answer
from openwx.errors import KEY_REUSED


@pytest.mark.parametrize("value", [None, 5, "x", {}, [5, None, "x", []]])
def test_candidates(value: object) -> None:
    assert Ambiguous("r", "s", extra={"candidates": value}).candidates == []
    found = [{"id": "@1", "displayname": 5}]
    assert Ambiguous("r", "s", extra={"candidates": found}).candidates == [
        {"id": "@1", "displayname": "5"}
    ]


@pytest.mark.parametrize("value", [None, "x", [], {}, 10**400, -1, 1e300])
def test_numbers(value: object) -> None:
    assert QueueFull("r", "s", extra={"retry_after": value}).retry_after_s == 5
    if not isinstance(value, int):
        assert RefusedByWeChat("r", "s", code=201, extra={"ret": value}).ret == 201


def test_a_key_that_was_used_is_told_from_other_parameters() -> None:
    used = failure("send_friend_message", -2, KEY_REUSED, 400, {})
    assert type(used) is KeyReused
    assert isinstance(used, BadParameter)
    assert type(failure("send_friend_message", -2, "content is missing", 400, {})) is BadParameter


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff", b'{"post_type":' + b"[" * 100_000])
def test_a_report_that_is_none_is_a_failed_call(body: bytes) -> None:
    with pytest.raises(NotOpenwx, match=r"get_history: the answer cannot be understood"):
        of_answer("get_history", body)


def test_ids() -> None:
    assert [is_id(text) for text in ("0", "9" * 18, b"7")] == [True] * 3
    assert [is_id(text) for text in ("", "9" * 19, "-1", "²", "１", b"\xb2", "1e3")] == [False] * 7
