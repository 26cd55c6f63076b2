"""A journal moves from SQLite to PostgreSQL: everything is there, under the same ids and numbers."""

import asyncio
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from openwx import store
from openwx.domain.names import as_name
from openwx.store.base import Journal, JournalError
from openwx.store.copying import Copied, copy
from openwx.store.postgres.connections import Address
from openwx.store.postgres.journal import PostgresJournal
from openwx.store.records import (
    AccountRecord,
    DeliveryKey,
    DeliveryOutcome,
    DeliveryStatus,
    NewSend,
    WriteBatch,
)

from ..members import member
from ..reports import Clock, a_message

ACCOUNTS = ("me", "other", "")
MUCH: dict[str, int] = {"rows": 10**4, "size": 2**30}


async def fill(journal: Journal, clock: Clock) -> None:
    """Write something of everything, with numbers that are not the ids, and pruned ones."""
    for account in ACCOUNTS[:2]:
        gone = [a_message(n, targets=()) for n in range(3)]
        await journal.write(WriteBatch(account=account, reports=gone))
    clock.now += 100
    await journal.prune(keep_s=50)  # all but the newest
    for account in ACCOUNTS[:2]:
        text = f"a\x00b {account}"
        reports = [
            a_message(1, text, dedupe=text, attachment=text, targets=("bot", "log")),
            a_message(2, "held", media=b"ref"),
            a_message(3, "held"),
            *(a_message(n, "many", with_={"x": "y" * 2000}) for n in range(450)),
        ]
        written = await journal.write(
            WriteBatch(
                account=account,
                reports=reports,
                sends=[
                    NewSend(uid=text, body=b"\x00", attachment=text),
                    NewSend(uid="b", body=b""),
                ],
                state={text: b"\xff"},
                media={text: b"1"},
                keys={text: b"1", f"{text} {text}": b"2"},
            )
        )
        first, _, _, *many = written.recorded
        statuses = list(DeliveryStatus) * 100
        ends = [
            DeliveryOutcome(one.id, s, 200, text) for one, s in zip(many, statuses, strict=False)
        ]
        await journal.write(WriteBatch(account=account, outcomes=ends, finished_sends=["b"]))
        await journal.write(
            WriteBatch(account=account, failed_tries=[DeliveryKey(first.id, "log")])
        )
    await journal.write(WriteBatch(account="", state={"clock": b"{}"}))
    await journal.save_account(
        AccountRecord(account="me", wanted=True, settings=b"{}", origin="api")
    )


async def everything(journal: Journal) -> dict[str, Any]:
    found: dict[str, Any] = {"accounts": await journal.accounts()}
    for account in ACCOUNTS:
        text = f"a\x00b {account}"
        page = await journal.published(account, 0, **MUCH)
        found[account] = {
            "published": page,
            "log": await journal.log(account, limit=10**4),
            "held": await journal.held(account),
            "pending": await journal.pending(account, "log"),
            "waiting": await journal.waiting(account, limit=10**4),
            "failed": await journal.failed(account, limit=10**4),
            "delivered": await journal.delivered(account, limit=10**4),
            "sends": await journal.waiting_sends(account),
            "state": await journal.state(account),
            "media": await journal.media(account, text),
            "keys": await journal.keys_of(account, text),
            "files": await journal.files(account),
            "counts": await journal.counts(account, within_s=10**6),
        }
    return found


async def copied(path: Path, address: Address) -> list[Copied]:
    return [one async for one in copy(path, address.url, address.schema)]


@pytest.fixture
async def path(tmp_path: Path, clock: Clock) -> Path:
    made = tmp_path / "journal.db"
    async with store.open(made, clock=clock) as journal:
        await fill(journal, clock)
    return made


async def test_everything_is_copied_with_its_ids_and_numbers(
    path: Path, address: Address, clock: Clock
) -> None:
    async with store.open(path, clock=clock) as journal:
        expected = await everything(journal)
        last = (
            await journal.write(WriteBatch(account="me", reports=[a_message(uid="last")]))
        ).recorded
    assert await copied(path, address) == [
        Copied("", 0, 0),
        Copied("me", 455, 1),
        Copied("other", 454, 1),
    ]
    async with member(address, clock=clock) as journal:
        found = await everything(journal)
        assert found["me"]["published"].reports.pop().uid == "last"
        assert found["me"]["log"].pop(0).uid == "last"
        assert found["me"].pop("waiting").pop().uid == "last"
        expected["me"].pop("waiting")
        for one in (found, expected):
            del one["me"]["counts"]
        assert found == expected
        assert expected["me"]["published"].pruned > 0
        new = WriteBatch(account="me", reports=[a_message()], sends=[NewSend(uid="new", body=b"")])
        written = await journal.write(new)
        assert written.recorded[0].id > last[0].id
        assert written.sends[0].id > 2


async def test_names_that_no_index_takes_are_copied_as_their_digests(
    path: Path, address: Address, clock: Clock
) -> None:
    """SQLite kept them at any length."""
    endless = random.Random(1).randbytes(3000).hex()
    with closing(sqlite3.connect(path)) as db:
        named = f"chat = '{endless}', dedupe = '{endless}'"
        db.execute(f"UPDATE uploads SET {named} WHERE account = 'me' AND dedupe != ''")
        db.execute(f"UPDATE media SET key = '{endless}' WHERE account = 'me'")
        db.commit()
    assert Copied("me", 454, 1) in await copied(path, address)
    async with member(address, clock=clock) as journal:
        found = await everything(journal)
        assert as_name(endless) in {one.chat for one in found["me"]["log"]}
        assert await journal.media("me", as_name(endless)) == b"1"


async def test_the_first_write_after_a_copy_retries_what_has_failed_alone(
    path: Path, address: Address
) -> None:
    await copied(path, address)
    async with member(address) as journal:
        (waiting, *_) = await journal.waiting("me")
        (failed, *_) = await journal.failed("me")
        batch = WriteBatch(account="me", retried=[waiting.key, failed.key])
        written = await journal.write(batch)
        assert [report.id for report in written.retried] == [failed.id]


async def test_a_copy_that_was_interrupted_goes_on(path: Path, address: Address) -> None:
    copying = copy(path, address.url, address.schema)
    assert [await anext(copying), await anext(copying)] == [Copied("", 0, 0), Copied("me", 454, 1)]
    await copying.aclose()
    again = await copied(path, address)
    assert [(one.account, one.before) for one in again] == [
        ("", True),
        ("me", True),
        ("other", False),
    ]


async def test_nothing_is_copied_over_other_messages(path: Path, address: Address) -> None:
    async with member(address) as journal:
        await journal.write(WriteBatch(account="me", reports=[a_message()]))
        with pytest.raises(JournalError, match="me: a node runs this account"):
            await copied(path, address)
    with pytest.raises(JournalError, match="me: PostgreSQL has other messages"):
        await copied(path, address)
    async with PostgresJournal(address) as journal:
        assert len(await journal.pending("me")) == 1


async def test_a_copy_needs_a_journal_and_a_server(tmp_path: Path, address: Address) -> None:
    with pytest.raises(JournalError, match="no journal at"):
        await copied(tmp_path / "none", address)
    path = tmp_path / "journal.db"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(JournalError, match="cannot open"):
        await copied(path, address)
    path.unlink()
    async with store.open(path):
        await asyncio.sleep(0)
    with pytest.raises(JournalError, match="cannot be opened"):
        await copied(path, address._replace(url="postgresql://127.0.0.1:1/x"))
