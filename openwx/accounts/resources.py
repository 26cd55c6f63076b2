"""What all accounts of a process share. ``service`` makes it, and each ``Account`` gets it."""

from pathlib import Path

import aiohttp
import msgspec

from openwx.accounts.media.fetcher import Fetcher
from openwx.accounts.media.folder import MediaFolder
from openwx.accounts.media.local import AllowedFiles
from openwx.accounts.private_targets import AddressGuard
from openwx.reporter.clock import Clock
from openwx.store.base import Journal
from openwx.store.files import FolderStore, MediaStore
from openwx.timing import Timing
from openwx.transports.base import TransportFactory


class Reach(msgspec.Struct):
    """Whether the store of media is reached, as all accounts find out together."""

    is_away: bool = False
    """Whether it has failed for long, and not worked since: then nobody waits for it."""


class Resources(msgspec.Struct, kw_only=True):
    """The journal, the connections and the folders of a process. ``http`` is for backends."""

    journal: Journal
    transports: TransportFactory
    http: aiohttp.ClientSession
    data_dir: Path
    folder: MediaFolder
    fetcher: Fetcher
    address_guard: AddressGuard | None
    """Connections to addresses that callers gave; None where these may be private."""
    local_media: AllowedFiles
    """The local files that may be sent."""
    media_store: MediaStore = msgspec.field(default_factory=lambda: FolderStore(is_shared=False))
    """Where other nodes find the files of the folder."""
    media_reach: Reach = msgspec.field(default_factory=Reach)
    downloads: bool = True
    """Whether received media is downloaded."""
    show_messages: bool = True
    colour: bool = False
    several: bool = False
    """Whether there is more than one account now."""
    pace: Timing = msgspec.field(default_factory=Timing)
    clock: Clock = msgspec.field(default_factory=Clock)
