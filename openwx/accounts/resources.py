"""What all accounts of a process have in common."""

from pathlib import Path

import aiohttp
import msgspec

from openwx.accounts.media.fetcher import Fetcher
from openwx.accounts.media.folder import MediaFolder
from openwx.accounts.media.local import AllowedFiles
from openwx.accounts.private_targets import Targets
from openwx.reporter.clock import Clock
from openwx.store.sqlite.journal import Journal
from openwx.timing import Timing


class Resources(msgspec.Struct, kw_only=True):
    """``connector`` leads to WeChat, ``http`` to the backends. ``several``: there is more than one account now."""

    journal: Journal
    connector: aiohttp.BaseConnector
    http: aiohttp.ClientSession
    data_dir: Path
    folder: MediaFolder
    fetcher: Fetcher
    targets: Targets | None
    """The way to addresses that callers gave; None where these may be private."""
    local_media: AllowedFiles
    """The files of this machine that may be sent."""
    downloads: bool = True
    """Whether received media are fetched."""
    show_messages: bool = True
    colour: bool = False
    several: bool = False
    pace: Timing = msgspec.field(default_factory=Timing)
    clock: Clock = msgspec.field(default_factory=Clock)
