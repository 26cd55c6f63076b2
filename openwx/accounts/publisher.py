"""Publishes recorded reports to everything in the account that follows them.

``Account`` declares the subscribers; ``HoldBack`` calls ``publish``.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from openwx.reporter.payload import Payload
from openwx.store.records import Report


class RecordedReport(msgspec.Struct):
    """A report that is in the journal, and its decoded body."""

    report: Report
    payload: Payload


class Subscriber(Protocol):
    """Something that follows the reports of an account."""

    def on_report(self, report: Report, payload: Payload) -> None:
        """Take a report that is recorded and complete. Must not block."""


class Publisher:
    """Calls the subscribers of one account, in the order of their list."""

    def __init__(self, subscribers: Sequence[Subscriber] = ()) -> None:
        self.subscribers = subscribers

    def publish(self, recorded: RecordedReport) -> None:
        """Pass a report to all subscribers. Reports of one chat come in their order."""
        for subscriber in self.subscribers:
            subscriber.on_report(recorded.report, recorded.payload)
