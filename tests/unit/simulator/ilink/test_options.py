"""Options of the iLink service: the documentation lists each with its default."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from openwx.simulator import ILinkOptions, SecondPoller, assign
from openwx.simulator.ilink.service import NAMES

DOCS = Path(__file__).parents[4] / "docs"
both_languages = pytest.mark.parametrize("folder", [DOCS, DOCS / "zh"], ids=["English", "Chinese"])


@both_languages
def test_every_option_is_explained(folder: Path) -> None:
    text = (folder / "simulator.md").read_text(encoding="utf-8")
    found = dict(re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", text, re.MULTILINE))
    defaults = {
        field.name: str(field.default) or '""' for field in dataclasses.fields(ILinkOptions)
    }
    assert found == defaults


@both_languages
def test_every_call_is_named(folder: Path) -> None:
    text = (folder / "simulator.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"`{name}`" not in text] == []


def test_values_are_given_as_words() -> None:
    options = ILinkOptions()
    given = {
        "hold_s": "2.5",
        "budget": "0",
        "strict": "no",
        "verify_code": "yes",
        "second_poller": "older_403",
    }
    assign(options, given)
    assert (options.hold_s, options.budget, options.strict, options.verify_code) == (
        2.5,
        0,
        False,
        True,
    )
    assert options.second_poller is SecondPoller.OLDER_403
    with pytest.raises(ValueError, match="second_poller should be one of both, older_403"):
        assign(options, {"budget": "7", "second_poller": "none"})
    assert options.budget == 0
    with pytest.raises(ValueError, match="whole number"):
        assign(options, {"budget": "7.5"})
