"""Which reports a target gets."""

from typing import Any

import pytest

from openwx.config import ReportSettings
from openwx.reporter.policy import targets_of

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
def test_what_post_api_gets(
    settings: dict[str, Any], kind: str, payload: dict[str, Any], expected: bool
) -> None:
    targets = ReportSettings(**settings).all_targets()
    assert targets_of(targets, kind, payload) == (("post_api",) if expected else ())


@pytest.mark.parametrize(
    ("target", "report", "kind", "payload", "expected"),
    [
        ({}, {}, "receive_message", {"format": "text"}, True),
        ({}, {}, "send_message", {"format": "text"}, True),
        ({}, {}, "login", {}, False),
        ({}, {"post_event": True}, "login", {}, True),
        ({}, {"post_event": True}, "new_friend", {}, False),
        ({"events": ["login"]}, {}, "login", {}, True),
        ({"events": ["login"]}, {}, "stop", {}, False),
        ({"events": []}, {"post_event": True}, "login", {}, False),
        ({"post_types": ["event"]}, {}, "login", {}, True),
        ({"post_types": ["event"]}, {}, "receive_message", {"format": "text"}, False),
        ({"post_types": ["send_message"]}, {}, "send_message", {"format": "text"}, True),
        ({"post_types": ["send_message"]}, {}, "receive_message", {"format": "text"}, False),
        ({"post_types": ["send_message"], "events": ["login"]}, {}, "login", {}, False),
        ({"formats": ["media", "card"]}, {}, "receive_message", {"format": "card"}, True),
        ({"formats": ["media", "card"]}, {}, "receive_message", {"format": "text"}, False),
        ({"formats": ["media"]}, {"post_event": True}, "login", {}, True),
        ({"filter": {"group": "Ops"}}, {}, "receive_message", {"group": "Ops"}, True),
        ({"filter": {"group": "Ops"}}, {}, "receive_message", {"sender": "Li"}, False),
        # What is for post_api alone.
        ({}, {"post_message_filter": {"sender": "Li"}}, "receive_message", {"sender": "W"}, True),
    ],
)
def test_what_another_target_gets(
    target: dict[str, Any],
    report: dict[str, Any],
    kind: str,
    payload: dict[str, Any],
    expected: bool,
) -> None:
    settings = ReportSettings(targets=[{"url": _API, "name": "other", **target}], **report)
    assert targets_of(settings.all_targets(), kind, payload) == (("other",) if expected else ())
