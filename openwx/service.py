"""Composition: from settings to a gateway that listens, and everything's end in the right order."""

import asyncio
import errno
import logging
import ssl
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
from filelock import FileLock, Timeout

from openwx import __version__, instance, metrics, store
from openwx.accounts import private_targets
from openwx.accounts.idempotency import KEPT_S
from openwx.accounts.manager import AccountManager
from openwx.accounts.media import types
from openwx.accounts.media.fetcher import Fetcher
from openwx.accounts.media.folder import MediaFolder
from openwx.accounts.media.local import AllowedFiles
from openwx.accounts.private_targets import AddressGuard, given_by_caller
from openwx.accounts.registry import all_accounts
from openwx.accounts.resources import Resources
from openwx.api.access import Access
from openwx.api.app import make_runner
from openwx.cluster import errand
