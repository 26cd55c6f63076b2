"""``openwx cluster``: which node runs which account, and who shall. It speaks with PostgreSQL alone.
``cli.main`` calls it.
"""

import argparse
import asyncio

from openwx.cli.cluster import change, status
from openwx.cli.cluster.arguments import require_names
from openwx.cli.cluster.shared import SharedJournal, open_shared, require_shared
from openwx.cli.shell import output
from openwx.config import Settings
from openwx.safetext import one_line

DONE, NOT_DONE = 0, 1
"""Exit codes; a ``ConfigError`` is another."""


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Do what is asked, print the result, and return the exit code. Raise ``ConfigError``."""
    require_names(args)
    require_shared(settings)
    try:
        return asyncio.run(_main(settings, args))
    except change.NotDone as error:
        _tell(args, str(error), code=NOT_DONE)
        return NOT_DONE


async def _main(settings: Settings, args: argparse.Namespace) -> int:
    async with open_shared(settings) as shared:
        if args.do == "status":
            return await _status(shared, as_json=args.json)
        _tell(args, await _change(shared, settings, args), code=DONE)
        return DONE


async def _status(shared: SharedJournal, *, as_json: bool) -> int:
    view = await shared.ownership.view()
    if as_json:
        output.indented_json(status.as_json(view))
    else:
        print("\n".join(map(one_line, status.as_text(view))))
    return NOT_DONE if status.unowned(view) else DONE


async def _change(shared: SharedJournal, settings: Settings, args: argparse.Namespace) -> str:
    match args.do:
        case "move":
            account, node = args.names
            return await change.move(shared, account, node)
        case "rebalance":
            return await change.rebalance(
                shared, lambda words: None if args.json else output.line(words)
            )
        case _:
            (node,) = args.names or [settings.cluster.node]
            work = change.undrain if args.undo else change.drain
            return await work(shared, node)


def _tell(args: argparse.Namespace, words: str, *, code: int) -> None:
    """Print the outcome: as one JSON object, or as a line, to standard error where it was not done."""
    if args.json:
        output.indented_json({"code": code, "status": words})
    elif code == DONE:
        output.line(words)
    else:
        output.complain(words)
