"""New reports in memory, so that most are not read from the journal again for their delivery."""

from openwx.store.records import Report

MAX_REPORTS = 10_000
MAX_BYTES = 16 * 1024 * 1024


class Cache:
    """Up to ``MAX_REPORTS`` of ``MAX_BYTES`` in all; the others are read when they are delivered."""

    def __init__(self) -> None:
        self._reports: dict[int, Report] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._reports)

    def add(self, report: Report) -> None:
        """Add a report if there is room."""
        self.remove(report.id)
        size = self.bytes + len(report.body)
        if len(self._reports) < MAX_REPORTS and size <= MAX_BYTES:
            self._reports[report.id] = report
            self.bytes = size

    def get(self, report_id: int) -> Report | None:
        """Return a report, if it was added."""
        return self._reports.get(report_id)

    def remove(self, report_id: int) -> None:
        """Remove a report, if it is there."""
        report = self._reports.pop(report_id, None)
        if report is not None:
            self.bytes -= len(report.body)
