from typing import Any

import pytest

from openwx.config import ReportSettings
from openwx.reporter.reporter import should_report

_API = "http://127.0.0.1/"


@pytest.mark.parametrize(
    ("settings", "kind", "payload", "expected"),
    [
        ({"post_api": _API}, "receive_message", {}, True),
        ({}, "receive_message", {}, False),
        ({"post_api": _API}, "login", {}, False),
        ({"post_api": _API, "post_event": True}, "login", {}, True),
        ({"post_api": _API, "post_event": True}, "new_friend", {}, False),
        ({"post_api": _API, "post_event": True, "post_event_list": ["stop"]}, "stop", {}, True),
        ({"post_api": _API, "post_event": True, "post_event_list": ["stop"]}, "login", {}, False),
        (
            {"post_api": _API, "post_message_filter": {"sender": "Li", "code": "0"}},
            "send_message",
            {"sender": "Li", "code": 0},
            True,
        ),
        (
            {"post_api": _API, "post_message_filter": {"sender": "Li"}},
            "receive_message",
            {"sender": "Wu"},
            False,
        ),
        ({"post_api": _API, "post_message_filter": {"sender": ""}}, "receive_message", {}, False),
    ],
)
def test_wanted(
    settings: dict[str, Any], kind: str, payload: dict[str, Any], expected: bool
) -> None:
    assert should_report(ReportSettings(**settings), kind, payload) is expected
