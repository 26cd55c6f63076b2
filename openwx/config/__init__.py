"""The configuration: a TOML file, overridden by the environment, overridden by the command line.

``values`` and ``addresses`` check single values, ``models`` are the tables, ``environment`` reads the variables, and
``load`` merges the three sources and reports the first problem as one ``ConfigError`` line. The contract's section 4
lists the keys.
"""

from openwx.config.load import Loaded, describe, load, sources
from openwx.config.models import (
    EVENTS,
    AccessSettings,
    AccountSettings,
    JournalLimits,
    Listen,
    McpSettings,
    Media,
    ReportSettings,
    Settings,
)

__all__ = [
    "EVENTS",
    "AccessSettings",
    "AccountSettings",
    "JournalLimits",
    "Listen",
    "Loaded",
    "McpSettings",
    "Media",
    "ReportSettings",
    "Settings",
    "describe",
    "load",
    "sources",
]
