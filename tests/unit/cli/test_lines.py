"""Reports as lines: those that openwx records as examples, and those that strangers would like to have."""

import json
from pathlib import Path
from typing import Any

import pytest

import openwx
from openwx.cli.shell import chats, lines
from openwx.safetext import one_line

EXAMPLES = Path(openwx.__file__).parent / "api" / "openapi" / "examples"


def recorded() -> list[Any]:
    return [
        pytest.param(report, id=f"{name} {about}")
        for kind in ("messages", "events")
        for name, examples in json.loads(
            (EXAMPLES / f"post_api_{kind}.json").read_text(encoding="utf-8")
        ).items()
        for about, report in examples.items()
    ]


@pytest.mark.parametrize("report", recorded())
def test_every_report_is_a_line(report: dict[str, Any]) -> None:
    line = one_line(lines.worded(report))
    assert len(line.splitlines()) == 1
    assert "None" not in line
    if report["post_type"] == "event":
        assert line.startswith(f"{'-':<19}  {report['event']}")
        assert len(line) < 700
    else:
        assert str(report["content"]).splitlines()[0] in line
        assert (
            f"[{report.get('group') or report.get('receiver' if report['class'] == 'send' else 'sender')}] "
            in line
        )


def test_what_was_not_sent_is_said() -> None:
    report = {
        "post_type": "send_message", "class": "send", "receiver": "小灰", "sender": "我", "content": "x",
        "time": "0", "code": -1, "msg": "发送失败", "info": "the outcome is unknown",
    }  # fmt: skip
    assert lines.worded(report).endswith("  [小灰] 我: x  (发送失败: the outcome is unknown)")


@pytest.mark.parametrize("time", ["x", "", None, "9" * 30, -(10**30), [], {}])
def test_a_time_that_is_none(time: object) -> None:
    assert lines.worded({"content": "x", "time": time}).startswith(f"{'-':<19}  ")


@pytest.mark.parametrize(
    ("to", "selector"),
    [
        ("小灰", "displayname"),
        ("@小灰", "displayname"),
        ("@owner", "id"),
        ("@ownership", "displayname"),
        ("@" + "0a" * 32, "id"),
        ("@@" + "0a" * 32, "id"),
        ("@@@" + "0a" * 32, "displayname"),
        ("o9cq80_x-Yz@im.wechat", "id"),
        ("a name @im.wechat", "displayname"),
        ("filehelper", "id"),
        ("@" + "0a" * 32 + "\n", "displayname"),
    ],
)
def test_an_id_is_told_from_a_name(to: str, selector: str) -> None:
    assert chats.selectors(to) == {selector: to}
    assert chats.is_group(to) is (selector == "id" and to.startswith("@@"))
