"""The configuration: a TOML file, overridden by the environment, overridden by the command line.

``values`` and ``addresses`` check single values, ``models`` are the tables, ``environment`` reads the variables, and
``load`` merges the three sources and reports the first problem as one ``ConfigError`` line. The contract's section 4
lists the keys.
"""

from openwx.config.cluster import ClusterSettings, StoreSettings
from openwx.config.contract import EVENTS
from openwx.config.listen import Listen
from openwx.config.load import Loaded, describe, load, sources
from openwx.config.models import (
    AccessKey,
    AccessSettings,
    AccountSettings,
    JournalLimits,
    McpSettings,
    Media,
    Settings,
)
from openwx.config.report import ReportSettings
from openwx.config.targets import Target, TargetSettings

__all__ = [
    "EVENTS",
    "AccessKey",
    "AccessSettings",
    "AccountSettings",
    "ClusterSettings",
    "JournalLimits",
    "Listen",
    "Loaded",
    "McpSettings",
    "Media",
    "ReportSettings",
    "Settings",
    "StoreSettings",
    "Target",
    "TargetSettings",
    "describe",
    "load",
    "sources",
]
