"""What commands print of errors: WeChat, proxies and certificates put words of their own into them."""

import json

import pytest

from openwx.cli.doctor.finding import as_text, problem
from openwx.cli.shell import output

HOSTILE = "\x1b[2J\x9b31m\u202e\u2028x\r\n\u0085ok       everything: is well"


def test_findings_are_lines_of_their_own() -> None:
    first, second, *_ = as_text([problem("WeChat", HOSTILE, HOSTILE)]).splitlines()
    assert first.startswith("problem  WeChat: \\x1b[2J")
    assert second.startswith("           → \\x1b[2J")


def test_json_for_people_moves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    output.indented_json({"status": HOSTILE})
    out = capsys.readouterr().out
    assert json.loads(out) == {"status": HOSTILE}
    assert out.replace("\n", "").isprintable()
    assert len(out.splitlines()) == 3
