"""The command lines of ``openwx send``, ``ask``, ``who``, ``tail`` and ``completion``."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

AddCommand = Callable[..., argparse.ArgumentParser]
SHELLS = ("bash", "zsh", "fish")
LONGEST_S = 300.0
"""Longest time to wait for an answer, in seconds; the same as the gateway's."""
_EXITS = (
    "Exit code 0: done; 1: it failed; 2: wrong arguments; 3: there is nobody of this name;"
    " 4: several have it, and they are listed; 5: the outcome is unknown, it may have been sent;"
    " 6: no gateway runs, or the account is not logged in."
)
_TO = "the exact display name, or an id as `openwx who` prints it; @owner: the account's own person"


class FileOption(argparse.Action):
    """An option that takes the path of a file. ``complete`` is how shells complete it (``completion.py``)."""

    complete: ClassVar[dict[str, Any]]

    def __call__(
        self, parser: object, namespace: argparse.Namespace, values: object, option: object = None
    ) -> None:
        setattr(namespace, self.dest, values)


def add_all(add: AddCommand, config: argparse.ArgumentParser) -> None:
    """Add the commands. ``add`` is that of the whole line, ``config`` has the option ``--config``."""
    common = argparse.ArgumentParser(add_help=False, parents=[config])
    common.add_argument("--client", type=_words, metavar="NAME", help="the account, if several")
    common.add_argument("--json", action="store_true", help="one JSON object a line, for programs")
    _add_send(add, common)
    _add_ask(add, common)
    _add_who(add, common)
    _add_tail(add, common)
    completion = add(
        "completion",
        "print what lets a shell complete the commands of openwx",
        "Save what it prints where the shell looks for it.",
        examples="""
            openwx completion bash > ~/.local/share/bash-completion/completions/openwx
            openwx completion zsh > ~/.zfunc/_openwx      # with fpath+=~/.zfunc before compinit
            openwx completion fish > ~/.config/fish/completions/openwx.fish
        """,
    )
    completion.add_argument("shell", choices=SHELLS, help="the shell")


def _add_send(add: AddCommand, common: argparse.ArgumentParser) -> None:
    send = add(
        "send",
        "send a text or a file",
        f"It says nothing when that is done. {_EXITS}",
        options=[common],
        examples="""
            openwx send --to 小灰 "The backup is done."
            uptime | openwx send --to @owner -
            openwx send --to PERL学习交流 --group --file chart.png "Today's numbers"
            pg_dump shop | gzip | openwx send --to @owner --file - --name shop.sql.gz
            openwx send --to @owner --key "deployed-$VERSION" "Deployed $VERSION"     # once, also if repeated
        """,
    )
    send.add_argument("--to", type=_words, required=True, metavar="NAME", help=_TO)
    send.add_argument("--group", action="store_true", help="NAME is a group's")
    _add_content(send)
    send.add_argument(
        "--async",
        dest="later",
        action="store_true",
        help="do not wait for the outcome: it is kept, and sent when WeChat takes it",
    )
    send.add_argument(
        "--key",
        type=_key,
        metavar="K",
        help="the same call with the same key sends nothing again for 24 hours",
    )


def _add_ask(add: AddCommand, common: argparse.ArgumentParser) -> None:
    ask = add(
        "ask",
        "send a question to a friend, and print the answer",
        f"The answer is the next message of that friend. Exit code 1 also if none comes in time. {_EXITS}",
        options=[common],
        examples="""
            answer=$(openwx ask --to @owner --timeout 120 "Deploy now? yes or no") && test "$answer" = yes
        """,
    )
    ask.add_argument("--to", type=_words, required=True, metavar="NAME", help=_TO)
    ask.add_argument(
        "--timeout",
        type=_seconds,
        default=30.0,
        metavar="SECONDS",
        help="how long to wait for the answer, 1 to 300 (default: 30)",
    )
    _add_content(ask)


def _add_content(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--file",
        action=FileOption,
        type=Path,
        metavar="FILE",
        help="a file of this machine; -: standard input",
    )
    parser.add_argument(
        "--name", type=_words, metavar="NAME", help="what to call the file (default: its own name)"
    )
    parser.add_argument(
        "text", nargs="?", type=_utf8, metavar="TEXT", help="the text; -: standard input"
    )


def _add_who(add: AddCommand, common: argparse.ArgumentParser) -> None:
    who = add(
        "who",
        "show who has a name: ids, names, and what it is",
        "It looks for friends and groups whose id, uid, account or any exact name is NAME. Exit code 3: there is"
        " nobody; 4: there are several, and all are shown.",
        options=[common],
        examples="""
            openwx who 小灰
            openwx who PERL学习交流 --json | jq .member_count
        """,
    )
    who.add_argument("name", type=_words, metavar="NAME", help="an id, uid, account or exact name")


def _add_tail(add: AddCommand, common: argparse.ArgumentParser) -> None:
    tail = add(
        "tail",
        "print messages and events as they happen, a line each",
        "It connects again after a loss, and goes on where it was. It ends after -n lines, or when nobody reads what"
        " it prints. Exit code 6: no gateway runs.",
        options=[common],
        examples="""
            openwx tail
            openwx tail --chat 小灰 --type receive_message -n 1
            openwx tail --state tail.id --json | jq --unbuffered -r .content
        """,
    )
    tail.add_argument(
        "--chat", type=_words, metavar="C", help="only this chat: an id, uid, account or name"
    )
    tail.add_argument(
        "--type",
        type=_words,
        metavar="T",
        help="receive_message, send_message, event or names of events, with commas between them",
    )
    begin = tail.add_mutually_exclusive_group()
    begin.add_argument(
        "--after", type=_id, metavar="ID", help="begin after this id; 0: with all that is stored"
    )
    begin.add_argument(
        "--state",
        action=FileOption,
        type=Path,
        metavar="FILE",
        help="keep the last id in this file, and begin after it; a new one begins now",
    )
    tail.add_argument("-n", type=_positive, metavar="N", dest="lines", help="end after N lines")


def _utf8(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("must be UTF-8") from None
    return text


def _words(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("must not be empty")
    return _utf8(text)


def _key(text: str) -> str:
    if 1 <= len(text) <= 255 and all("!" <= character <= "~" for character in text):
        return text
    raise argparse.ArgumentTypeError("must be 1 to 255 visible ASCII characters")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if 1 <= seconds <= LONGEST_S:
        return seconds
    raise argparse.ArgumentTypeError(f"must be a number from 1 to 300, not {text!r}")


def _id(text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) <= 18:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be the id of an event, or 0, not {text!r}")


def _positive(text: str) -> int:
    if text.isascii() and text.isdecimal() and 1 <= int(text[:19]) <= 10**9:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {text!r}")
