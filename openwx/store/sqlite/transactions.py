"""The journal's thread: runs queries, and writes what waits in shared transactions. ``Worker`` runs it.

A COMMIT that fails may have written all of its pages to the write-ahead log, such as one whose fsync fails. Then this
process goes on without it, but the next start finds it in the log, and takes it for done. The next commit overwrites
it there. So ``JournalError``, which says that nothing was changed and never will be, is raised only after such
a commit; until then the callers wait.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from openwx.store.base import InDoubt, InvalidBatch, JournalError
from openwx.store.sqlite import queries
from openwx.store.sqlite.executor import BatchExecutor, Job, JobResult
from openwx.store.sqlite.files import DatabaseFiles
from openwx.store.sqlite.grouping import WRITES, groups_of
from openwx.store.sqlite.schema import connect, not_opened
from openwx.store.sqlite.tables import Tables

_CERTAINLY_NOT_DONE = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    }
)
"""How a COMMIT fails that is not in the log: it could not begin, or one of its pages could not be written. The last one
makes the others valid. What is done after that, such as the fsync, fails in other ways."""


class Transactions(BatchExecutor):
    """The connection, used by the journal's thread alone."""

    def __init__(self, path: Path, clock: Callable[[], float], files: DatabaseFiles) -> None:
        self._path = path
        self._clock = clock
        self._files = files
        self._db: sqlite3.Connection
        self._tables: Tables
        self._in_doubt: list[asyncio.Future[Any]] = []
        """The callers of commits that failed, and that the next start may find done."""
        self._doubt = ""
        """Why they failed."""

    def open(self) -> None:
        """Open the database. Raise ``JournalError``."""
        try:
            self._db = connect(self._path)
            self._tables = Tables(self._db, self._clock)
            self._files.note()
        except (sqlite3.Error, OSError) as error:
            raise not_opened(self._path, error) from error

    def close(self) -> list[JobResult]:
        """Close the database. Return the results of writes whose outcome was in doubt until now, or still is."""
        results = self._settle()
        words = f"it is not known whether this was stored: {self._doubt}"
        results += [JobResult(done, None, InDoubt(words)) for done in self._in_doubt]
        with contextlib.suppress(sqlite3.Error):
            self._db.close()  # if another file is in its place, SQLite leaves that alone
        return results

    def handle(self, jobs: list[Job]) -> Iterable[list[JobResult]]:
        """Do all writes, then run the queries."""
        if self._in_doubt:
            yield self._settle()
        for group in groups_of([job for job in jobs if isinstance(job.what, WRITES)]):
            yield self._write(group)
        for what, done in jobs:
            if not isinstance(what, WRITES):
                try:
                    if isinstance(what, queries.Probe):
                        self._require_settled()
                    yield [JobResult(done, what(self._db), None)]
                except (sqlite3.Error, OSError, JournalError) as error:
                    yield [JobResult(done, None, _as_raised(error))]

    def _write(self, jobs: list[Job]) -> list[JobResult]:
        """Write a group, but not into a file that the next start will not find, and not after one in doubt."""
        try:
            self._require_settled()
            self._files.require_written()
        except JournalError as error:
            return [JobResult(job.done, None, JournalError(str(error))) for job in jobs]
        return self._together(jobs)

    def _together(self, jobs: list[Job]) -> list[JobResult]:
        """Write all in one transaction; if a batch is invalid, once more with a savepoint for each."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            results = self._tables.apply([job.what for job in jobs])
        except Exception as error:  # noqa: BLE001 - raised by every `write` that waits
            self._roll_back()
            if len(jobs) > 1 and not isinstance(_as_raised(error), JournalError):
                return self._apart(jobs)
            return [JobResult(job.done, None, _as_raised(error)) for job in jobs]
        return self._commit(
            [JobResult(job.done, result, None) for job, result in zip(jobs, results, strict=True)]
        )

    def _apart(self, jobs: list[Job]) -> list[JobResult]:
        results: list[JobResult] = []
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for write, done in jobs:
                self._db.execute("SAVEPOINT batch")
                try:
                    results.append(JobResult(done, self._tables.apply([write])[0], None))
                except Exception as error:
                    if not self._db.in_transaction:
                        raise  # SQLite rolled back all of it, as with a full disk
                    results.append(JobResult(done, None, _as_raised(error)))
                    self._db.execute("ROLLBACK TO batch")
                self._db.execute("RELEASE batch")
        except Exception as error:  # noqa: BLE001 - raised by every `write` that waits
            self._roll_back()
            return [JobResult(job.done, None, _as_raised(error)) for job in jobs]
        return self._commit(results)

    def _commit(self, results: list[JobResult]) -> list[JobResult]:
        """Commit, and return the results; of what did not succeed, those that are certain."""
        try:
            self._db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - raised by every `write` that waits
            self._roll_back()
            done = [result.done for result in results if result.error is None]
            failed = [result for result in results if result.error is not None]
            if _is_certain(error):
                return failed + [JobResult(one, None, _as_raised(error)) for one in done]
            self._in_doubt += done
            self._doubt = str(_as_raised(error))
            return failed + self._settle()
        return results

    def _settle(self) -> list[JobResult]:
        """Take the place in the log of commits in doubt. Return the results of their callers; none if that fails."""
        if not self._in_doubt:
            return []
        try:
            queries.write_probe(self._db, 0)
        except (sqlite3.Error, MemoryError):
            return []
        settled, self._in_doubt = self._in_doubt, []
        return [JobResult(done, None, JournalError(self._doubt)) for done in settled]

    def _require_settled(self) -> None:
        if self._in_doubt:
            raise JournalError(self._doubt)

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")


def _is_certain(error: Exception) -> bool:
    """Return whether a COMMIT that failed so has left nothing in the log that the next start would take for done."""
    return getattr(error, "sqlite_errorcode", None) in _CERTAINLY_NOT_DONE


def _as_raised(error: Exception) -> Exception:
    """Return ``JournalError`` for a failure of the environment, another error for a bug."""
    raised = error
    if isinstance(error, sqlite3.IntegrityError):
        raised = InvalidBatch(str(error))
    elif isinstance(error, (sqlite3.ProgrammingError, sqlite3.DataError)):
        return error
    elif isinstance(error, (sqlite3.DatabaseError, OSError)):
        raised = JournalError(f"the journal failed: {error}")
    if raised is not error:
        raised.__cause__ = error
    return raised
