"""The command line of ``openwx``. ``main`` parses it."""

import argparse
import inspect
import textwrap
from collections.abc import Sequence
from pathlib import Path

from openwx import __version__
from openwx.cli.cluster import arguments as cluster
from openwx.cli.shell import arguments as shell
from openwx.cli.shell.arguments import FileOption

_WIDTH = 78
"""Of descriptions, which have their line breaks here for the sake of the examples below them."""


def parser() -> argparse.ArgumentParser:
    """Make the parser of the whole line; ``command`` is the command's name."""
    whole = argparse.ArgumentParser(
        prog="openwx", description="A self-hosted HTTP gateway for a personal WeChat account."
    )
    whole.add_argument("--version", action="version", version=f"openwx {__version__}")
    commands = whole.add_subparsers(metavar="COMMAND", dest="command")
    config, as_json = (argparse.ArgumentParser(add_help=False) for _ in range(2))
    where = "default: ./config.toml, else the one in the user's configuration folder"
    config.add_argument("--config", action=FileOption, type=Path, metavar="FILE", help=where)
    as_json.add_argument("--json", action="store_true", help="one JSON object, for programs")

    def add(
        name: str,
        words: str,
        more: str = "",
        *,
        options: Sequence[argparse.ArgumentParser] = (),
        examples: str = "",
    ) -> argparse.ArgumentParser:
        """Add a command: what it does in ``words``, more sentences, and lines of a shell as examples."""
        return commands.add_parser(
            name,
            help=words,
            description=textwrap.fill(f"{words[0].upper()}{words[1:]}. {more}".strip(), _WIDTH),
            epilog=examples and "examples:\n" + textwrap.indent(inspect.cleandoc(examples), "  "),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            parents=options,
        )

    serve = add(
        "serve",
        "log in to WeChat and serve the /openwx API",
        "The QR code to scan appears in the terminal and in the console, a page at the address that is printed.",
        options=[config],
        examples="""
            openwx serve --demo
            openwx serve --config /etc/openwx/config.toml
            OPENWX_DATA_DIR=/var/lib/openwx openwx serve --port 3001
        """,
    )
    serve.add_argument("--host", help="listen on this address instead of the configured ones")
    serve.add_argument(
        "--port", help="listen on this port instead of the configured one (0: any free one)"
    )
    serve.add_argument(
        "--demo", action="store_true", help="use a simulated WeChat; no account is needed"
    )
    serve.add_argument(
        "--transport",
        choices=["web", "ilink"],
        help="how the account of the demo reaches WeChat (default: web)",
    )

    add(
        "status",
        "show the state of the running gateway",
        "Exit code 0: every account is ready; 1: some are not; 2: no gateway was reached.",
        options=[as_json, config],
        examples="""
            openwx status
            openwx status --json | jq .accounts
            openwx status > /dev/null || echo 'WeChat is not ready'
        """,
    )

    add(
        "doctor",
        "find problems, and say how to fix them",
        "It checks the configuration, folders, ports, clock, WeChat and backends. Exit code 1: there is a problem.",
        options=[as_json, config],
    )

    outbox = add(
        "outbox",
        "list failed deliveries of reports, send them again, or drop them",
        "It asks the gateway that runs with this configuration; if none does, it reads the journal.",
        options=[config],
        examples="""
            openwx outbox
            openwx outbox --waiting
            openwx outbox show 17
            openwx outbox retry --all
            openwx outbox drop 17 18
        """,
    )
    outbox.add_argument(
        "do",
        nargs="?",
        choices=["list", "show", "retry", "drop"],
        default="list",
        help="default: list",
    )
    outbox.add_argument(
        "ids",
        nargs="*",
        type=_upload_id,
        metavar="ID",
        help="ids of deliveries, as printed by list",
    )
    outbox.add_argument("--all", action="store_true", help="all that failed (retry, drop)")
    outbox.add_argument("--yes", action="store_true", help="drop all without a question")
    outbox.add_argument(
        "--waiting", action="store_true", help="list pending deliveries instead of failed ones"
    )
    outbox.add_argument("--target", metavar="NAME", help="deliveries to this backend alone")
    outbox.add_argument("--client", metavar="NAME", help="the account, if there are several")

    cluster.add_all(add, config, as_json)

    digits = add(
        "verify-code",
        "hand in the digits that the phone shows after a scan",
        "It asks the gateway that runs with this configuration. Exit code 1: they are wrong, or none are wanted.",
        options=[config],
        examples="""
            openwx verify-code 123456
        """,
    )
    digits.add_argument("code", type=_digits, metavar="DIGITS", help="4 to 8 digits")
    digits.add_argument("--client", metavar="NAME", help="the account, if several want digits")

    shell.add_all(add, config)
    mcp = add(
        "mcp",
        "serve chats to a language model by the Model Context Protocol",
        "It speaks on standard input and output, and asks the gateway that runs with this configuration. [mcp] says"
        " which chats may be read and written to: by default all can be read and none written to.",
        options=[config],
    )
    mcp.add_argument(
        "--http",
        metavar="HOST:PORT",
        help="serve streamable HTTP at this address instead (path /mcp)",
    )

    add("check-config", "check the configuration and show it", options=[config])

    logout = add(
        "logout",
        "end the saved login at WeChat",
        "openwx must be stopped. The next start asks for a scan. Where nodes share a database, none of them may run the"
        " account: stop_client stops it.",
        options=[config],
        examples="""
            openwx logout
            openwx logout --client shop
        """,
    )
    logout.add_argument("--client", metavar="NAME", help="this account alone (default: all)")

    simulate = add(
        "simulate",
        "run a simulated WeChat to develop against",
        "Its phone is a page on which you scan and chat as anybody; an API controls it.",
        examples="""
            openwx simulate
            openwx simulate --port 0 --friends 1000 --groups 50 --chatter 2
            openwx simulate --ilink verify_code=yes
        """,
    )
    simulate.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
    simulate.add_argument("--port", type=_port, default=3080, help="default: 3080; 0: any free one")
    simulate.add_argument(
        "--seed", type=int, default=1, metavar="N", help="seed of the simulated people (default: 1)"
    )
    simulate.add_argument(
        "--friends", type=_count, default=30, metavar="N", help="number of friends (default: 30)"
    )
    simulate.add_argument(
        "--groups", type=_count, default=6, metavar="N", help="number of groups (default: 6)"
    )
    simulate.add_argument("--members", type=_count, metavar="N", help="most members of a group")
    simulate.add_argument(
        "--manual", action="store_true", help="the phone scans only on your or the API's request"
    )
    simulate.add_argument(
        "--one-account", action="store_true", help="no second account for a second web client"
    )
    simulate.add_argument(
        "--chatter", type=float, metavar="SECONDS", help="average time between messages of friends"
    )
    simulate.add_argument(
        "--ilink",
        action="append",
        type=_setting,
        default=[],
        metavar="NAME=VALUE",
        help="how its iLink service behaves, such as verify_code=yes; may be repeated",
    )

    crash = add(
        "crash-test",
        "kill a gateway at random moments and verify that nothing is lost (POSIX)",
        "It brings its own WeChat, post_api and data folder.",
    )
    crash.add_argument(
        "--kills", type=_count, default=20, metavar="N", help="number of SIGKILLs (default: 20)"
    )
    crash.add_argument(
        "--nodes",
        type=_count,
        default=1,
        metavar="N",
        help="several nodes on a PostgreSQL of their own: they are killed, paused and cut off (default: 1)",
    )
    crash.add_argument(
        "--faults",
        type=_count,
        default=20,
        metavar="N",
        help="number of faults with --nodes (default: 20)",
    )
    crash.add_argument(
        "--namespaces",
        action="store_true",
        help="with --nodes: each node in a network namespace of its own, for real partitions (Linux, root)",
    )
    crash.add_argument(
        "--lease",
        type=float,
        default=2.0,
        metavar="S",
        help="with --nodes: the lease, in seconds (default: 2)",
    )
    crash.add_argument(
        "--transport",
        choices=("web", "ilink"),
        default="web",
        help="how the account reaches WeChat (default: web)",
    )
    crash.add_argument(
        "--seed", type=int, metavar="N", help="repeat the random choices of an earlier run"
    )
    crash.add_argument(
        "--folder", type=Path, metavar="FOLDER", help="keep logs and data in this folder"
    )
    return whole


def _port(text: str) -> int:
    if text.isdecimal() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 65535, not {text!r}")


def _count(text: str) -> int:
    if text.isdecimal() and int(text) <= 100_000:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 100000, not {text!r}")


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if name and equals:
        return name, value
    raise argparse.ArgumentTypeError(f"must be NAME=VALUE, not {text!r}")


def _digits(text: str) -> str:
    if text.isascii() and text.isdecimal() and 4 <= len(text) <= 8:
        return text
    raise argparse.ArgumentTypeError(f"must be 4 to 8 digits, not {text!r}")


def _upload_id(text: str) -> int:
    if text.isdecimal() and 0 < len(text) <= 18:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be the number of a delivery, not {text!r}")
