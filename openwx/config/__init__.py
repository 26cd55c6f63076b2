"""The configuration: TOML, the environment over it, the command line over both.

``values`` and ``addresses`` check single values in our own words, ``models`` are the tables,
``environment`` reads the variables, ``load`` puts the three sources together and tells the first
problem as one ``ConfigError`` line. The contract's section 4 is the list of keys.
"""

from openwx.config.load import Loaded, describe, load, sources
from openwx.config.models import (
    EVENTS,
    Access,
    AccountSettings,
    JournalLimits,
    Listen,
    Media,
    ReportSettings,
    Settings,
)

__all__ = [
    "EVENTS",
    "Access",
    "AccountSettings",
    "JournalLimits",
    "Listen",
    "Loaded",
    "Media",
    "ReportSettings",
    "Settings",
    "describe",
    "load",
    "sources",
]
