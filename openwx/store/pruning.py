"""Which reports of an account every store keeps. Both journals ask."""

import logging
from collections.abc import Awaitable, Callable

from openwx import metrics
from openwx.store.records import DeliveryStatus

log = logging.getLogger("openwx.report")

Prune = Callable[[str, DeliveryStatus, float, int], Awaitable[int]]
"""Deletes an account's reports with a status that ended before a time, or beyond a number; returns how many."""


async def prune_account(
    prune: Prune, account: str, *, before: float, keep: int, keep_failed: int
) -> int:
    """Delete what ``Maintenance.prune`` deletes of an account, and return how many."""
    count = 0
    for status in (DeliveryStatus.DELIVERED, DeliveryStatus.DROPPED):
        count += await prune(account, status, before, keep)
    failed = await prune(account, DeliveryStatus.FAILED, 0.0, keep_failed)
    if failed:
        words = "%s: deleted the oldest %d of the failed reports"
        metrics.dropped(log, "failed_delivery", words, account, failed, count=failed)
    return count + failed
