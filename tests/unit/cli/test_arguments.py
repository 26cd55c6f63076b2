"""``--help`` of each command; its examples are lines that the command takes."""

import re
import shlex
from collections.abc import Iterator

import pytest

from openwx.cli.arguments import parser
from openwx.cli.main import _COMMANDS

WITHOUT_EXAMPLES = {"doctor", "check-config", "crash-test", "mcp"}
"""They take no arguments, or are for developers."""


def help_of(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([command, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def calls(line: str) -> Iterator[list[str]]:
    """Yield the arguments of each ``openwx`` in a line of a shell."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    call: list[str] | None = None
    for word in [*words, ";"]:
        if set(word) <= set("();<>|&"):
            if call is not None:
                yield call
            call = None
        elif word == "openwx":
            call = []
        elif call is not None:
            call.append(word)


@pytest.mark.parametrize("command", sorted(_COMMANDS))
def test_examples_are_lines_that_are_taken(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = help_of(command, capsys)
    assert max(map(len, text.splitlines())) < 110
    _, _, examples = text.partition("examples:\n")
    found = [call for line in examples.splitlines() for call in calls(line)]
    assert bool(found) is (command not in WITHOUT_EXAMPLES)
    for call in found:
        assert parser().parse_args(call).command == command


def test_every_command_has_its_line_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    parser().print_help()
    listed = re.findall(r"^    (\S+)(?: |$)", capsys.readouterr().out, re.MULTILINE)
    assert set(listed) == set(_COMMANDS)
