"""A command that does something for an account itself, because no gateway runs beside it.
``openwx outbox`` and ``openwx logout`` run it.

Where nodes share the journal, it joins them for that time: as one that drains, which is given no accounts, and which
claims those that the command is for.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from openwx import store
from openwx.cluster.home import home_of
from openwx.config import Settings
from openwx.errors import NotNowError
from openwx.lease import Gate, always_open
from openwx.store.base import Journal
from openwx.store.records import NodeOptions


def opened(settings: Settings, data_dir: Path, file: Path) -> AbstractAsyncContextManager[Journal]:
    """Return the journal for a command that has locked ``data_dir``, to be entered; ``file`` is that without a
    database. Raise ``ConfigError``; entering it raises ``JournalError``."""
    if settings.store.url is None:
        return store.open(file)
    node = NodeOptions(
        node=settings.cluster.node,
        home=home_of(data_dir),
        max_clients=settings.max_clients,
        lease_s=settings.cluster.lease,
        is_draining=True,
    )
    return store.open(settings.store.url, schema=settings.store.schema, node=node)


def gate_of(journal: Journal, account: str) -> Gate:
    """Return the gate of an account that was claimed. Raise ``LeaseLost`` if it was lost since."""
    return always_open() if journal.ownership is None else journal.ownership.gate(account)


async def claim(journal: Journal, accounts: Sequence[str]) -> None:
    """Begin to own all of these accounts. Raise ``NotNowError`` if a node runs one; ``JournalError``."""
    ownership = journal.ownership
    if ownership is None:
        return
    owned = await ownership.claim(accounts)
    missing = [account for account in accounts if account not in owned]
    if not missing:
        return
    view = await ownership.view()
    owners = {one.account: view.node_of(one.owner) for one in view.accounts}
    account = missing[0]
    owner = owners.get(account)
    if owner is None:
        raise NotNowError(f"{account}: another node has just had it; try again in a moment")
    words = f"{account} runs on the node {owner.node}: stop it first, or do this there"
    raise NotNowError(words)
