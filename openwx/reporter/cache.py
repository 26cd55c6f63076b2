"""Fresh uploads in memory, so that most are not read from the journal again at their turn."""

from openwx.store.records import Report

MOST_UPLOADS = 10_000
MOST_BYTES = 16 * 1024 * 1024


class Cache:
    """``MOST_UPLOADS`` of ``MOST_BYTES`` in all; the others are read at their turn."""

    def __init__(self) -> None:
        self._uploads: dict[int, Report] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._uploads)

    def keep(self, upload: Report) -> None:
        """While there is room."""
        self.forget(upload.id)
        size = self.bytes + len(upload.body)
        if len(self._uploads) < MOST_UPLOADS and size <= MOST_BYTES:
            self._uploads[upload.id] = upload
            self.bytes = size

    def find(self, upload_id: int) -> Report | None:
        return self._uploads.get(upload_id)

    def forget(self, upload_id: int) -> None:
        upload = self._uploads.pop(upload_id, None)
        if upload is not None:
            self.bytes -= len(upload.body)
