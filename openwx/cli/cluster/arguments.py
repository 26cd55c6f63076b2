"""The command lines of ``openwx cluster`` and ``openwx journal``.
``cli.arguments`` adds them.
"""

import argparse

from openwx.cli.shell.arguments import AddCommand
from openwx.errors import ConfigError

DOES = ("status", "move", "rebalance", "drain")
_EXITS = "Exit code 0: done; 1: not done, or an account has no node; 2: PostgreSQL was not reached, or a wrong setting."


def add_all(
    add: AddCommand, config: argparse.ArgumentParser, as_json: argparse.ArgumentParser
) -> None:
    """Add the commands. ``add`` is that of the whole line; the others have ``--config`` and ``--json``."""
    cluster = add(
        "cluster",
        "show which node runs which account, and move accounts",
        "move: ACCOUNT to NODE. rebalance: idle accounts, one at a time, to nodes with fewer. drain: all accounts of"
        " NODE (default: cluster.node) to the others, and no new ones; --undo ends that. It speaks with PostgreSQL"
        f" alone, so it works on any machine with this configuration. {_EXITS}",
        options=[as_json, config],
        examples="""
            openwx cluster
            openwx cluster status --json | jq .unowned
            openwx cluster move shop wx-2
            openwx cluster rebalance
            openwx cluster drain wx-1
            openwx cluster drain wx-1 --undo
        """,
    )
    cluster.add_argument("do", nargs="?", choices=DOES, default="status", help="default: status")
    cluster.add_argument("names", nargs="*", metavar="NAME", help="ACCOUNT and NODE, or NODE")
    cluster.add_argument("--undo", action="store_true", help="let the node take accounts again")

    journal = add(
        "journal",
        "copy the journal of data_dir into PostgreSQL",
        "copy: into the database of store.url, account by account; ids stay, and so does the journal. openwx must be"
        " stopped. What was interrupted goes on when it is called again.",
        options=[as_json, config],
        examples="""
            openwx journal copy
        """,
    )
    journal.add_argument("do", choices=["copy"], help="what to do")


def require_names(args: argparse.Namespace) -> None:
    """Raise ``ConfigError`` for a command line of ``openwx cluster`` that says too much or too little."""
    given = len(args.names)
    if args.undo and args.do != "drain":
        raise ConfigError("--undo is only for: openwx cluster drain")
    if args.do == "move" and given != 2:
        raise ConfigError("cluster move: give an account and the node that shall run it")
    if args.do == "drain" and given > 1:
        raise ConfigError("cluster drain: give one node, or none for that of this configuration")
    if args.do in ("status", "rebalance") and given:
        raise ConfigError(f"cluster {args.do} takes no names")
