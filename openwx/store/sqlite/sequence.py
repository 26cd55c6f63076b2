"""The numbers of uploads in the order in which they could be seen.

An upload is seen once its medium, and all before it in its chat, are there: not in the order of its id. A reader who
goes on after a number would miss what is completed later, had that a lower one. So an upload gets its number in the
unit that makes it seen: its id where that is at once, the next of the same numbers where it was hidden. Units are
committed one after the other, so nothing is ever seen below a number that was seen before.
"""

import sqlite3
from collections.abc import Iterator, Sequence

from openwx.store.records import Report
from openwx.store.sqlite import queries

_HIDDEN = "SELECT DISTINCT account, chat FROM uploads WHERE seq = 0"
_RIPE = f"SELECT id FROM uploads WHERE seq = 0 AND NOT {queries.BEHIND} ORDER BY id"  # noqa: S608
_SHOW = "UPDATE uploads SET seq = ? WHERE id = ?"


class SequenceNumbers:
    """Lives in the journal's thread, and costs nothing while no medium is awaited."""

    def __init__(self, db: sqlite3.Connection, numbers: Iterator[int]) -> None:
        self._db = db
        self._numbers = numbers
        self._some_hidden = True
        """Perhaps: to be on the safe side."""
        self._some_ripe = False

    def doubt(self) -> None:
        """Units were rolled back: what was known may be wrong."""
        self._some_hidden = True
        self._some_ripe = False

    def numbers(self, uploads: Sequence[Report]) -> list[int]:
        """With what each is inserted; 0 is to be seen later, perhaps already by ``show`` in the same unit."""
        hidden: set[tuple[str, str]] = set()
        if uploads and self._some_hidden:
            hidden.update(self._db.execute(_HIDDEN))
        numbers = []
        for upload in uploads:
            place = (upload.account, upload.chat)
            if upload.media:
                hidden.add(place)
                self._some_ripe = True  # where it is a duplicate, which is ignored
            numbers.append(0 if place in hidden else upload.id)
        if uploads:
            self._some_hidden = bool(hidden)
        return numbers

    def completed(self) -> None:
        """An upload has its medium."""
        self._some_ripe = True

    def show(self) -> None:
        """Number what was hidden and is so no more."""
        if self._some_ripe:
            ripe = self._db.execute(_RIPE).fetchall()
            self._db.executemany(_SHOW, [(next(self._numbers), id_) for (id_,) in ripe])
            self._some_ripe = False
