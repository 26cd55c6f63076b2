"""What the journal tells of what was: conversations, deliveries, counts; and that it need not read all for it."""

import sqlite3
from pathlib import Path

import msgspec
import pytest

from openwx.store.sqlite import queries
from openwx.store.sqlite.journal import (
    Completed,
    Counts,
    DeliveryStatus,
    Journal,
    Settled,
    WriteBatch,
)

from .world import Clock, a_message


def n_of(body: bytes) -> int:
    return int(msgspec.json.decode(body)["n"])


async def write(journal: Journal, *uploads: object, account: str = "me") -> list[int]:
    written = await journal.write(WriteBatch(account=account, uploads=list(uploads)))  # type: ignore[arg-type]
    return [upload.id for upload in written.uploads if upload]


async def test_a_conversation_backwards_and_in_pieces(journal: Journal) -> None:
    await write(journal, *(a_message(n, "ab"[n % 2]) for n in range(10)), a_message(10, ""))
    await write(journal, a_message(11, "a"), account="other")
    newest = await journal.history("me", "a", limit=3)
    assert [n_of(one.body) for one in newest] == [8, 6, 4]
    older = await journal.history("me", "a", before=newest[-1].seq, limit=9)
    assert [n_of(one.body) for one in older] == [2, 0]
    assert await journal.history("me", "", limit=9) == []


async def test_the_newest_of_each_chat(journal: Journal) -> None:
    await write(
        journal, *(a_message(n, chat) for n, chat in enumerate(["a", "b", "a", "c", "", "b"]))
    )
    chats = await journal.chats("me", limit=2)
    assert [(one.chat, n_of(one.body)) for one in chats] == [("b", 5), ("c", 3)]


async def test_what_waits_for_its_medium_is_not_shown_yet(journal: Journal) -> None:
    (held, _) = await write(journal, a_message(1, "a", media=b"ref"), a_message(2, "a"))
    await write(journal, a_message(3, "b"))
    assert [n_of(one.body) for one in await journal.told("me", limit=9)] == [3]
    assert await journal.history("me", "a", limit=9) == []
    body = msgspec.json.encode({"n": 1})
    await journal.write(WriteBatch(account="me", completed=[Completed(id=held, body=body)]))
    shown = await journal.history("me", "a", limit=9)
    assert [n_of(one.body) for one in shown] == [2, 1]
    assert await journal.kept_shown("me", shown[1].seq) == shown[1]
    assert await journal.kept_shown("me", 0) is None
    assert await journal.kept_shown("other", shown[1].seq) is None


async def test_deliveries_that_arrived(journal: Journal, clock: Clock) -> None:
    first, second, third = await write(journal, a_message(1), a_message(2), a_message(3))
    await write(journal, a_message(4, deliver=False))
    settled = [
        Settled(first, DeliveryStatus.DELIVERED, 200),
        Settled(second, DeliveryStatus.FAILED, 500, "no"),
    ]
    await journal.write(WriteBatch(account="me", settled=settled))
    clock.now += 1
    await journal.write(
        WriteBatch(account="me", settled=[Settled(third, DeliveryStatus.DELIVERED, 204)])
    )
    delivered = await journal.delivered("me", limit=9)
    assert [(one.id, one.status) for one in delivered] == [(third, 204), (first, 200)]
    kept = await journal.kept("me", second)
    assert kept is not None
    assert (kept.fate, kept.error) == (DeliveryStatus.FAILED, "no")
    bodies = await journal.bodies("me", [first, second, 99])
    assert {id: n_of(body) for id, body in bodies.items()} == {first: 1, second: 2}


async def test_counts(journal: Journal, clock: Clock) -> None:
    old = await write(journal, a_message(), a_message())
    await journal.write(
        WriteBatch(account="me", settled=[Settled(old[0], DeliveryStatus.DELIVERED, 200)])
    )
    clock.now += 4000
    sent, not_sent = {"code": 0, "msg": ""}, {"code": 1205, "content": '"code":0,'}
    new = await write(
        journal,
        a_message(),
        a_message(),
        a_message(kind="send_message", with_=sent),
        a_message(kind="send_message", with_=not_sent),
        a_message(kind="login", deliver=False),
        a_message(kind="receive_message", deliver=False),
    )
    settled = [Settled(new[0], DeliveryStatus.DELIVERED, 200), Settled(new[1], DeliveryStatus.FAILED, 500, "no"),
               Settled(old[1], DeliveryStatus.FAILED, 0, "too old")]  # fmt: skip
    await journal.write(WriteBatch(account="me", settled=settled))
    await write(journal, a_message(), account="other")
    counts = await journal.counts("me", within_s=3600)
    assert counts == Counts(received=3, sent=1, delivered=1, failed=2, waiting=2)


@pytest.mark.parametrize(
    ("sql", "values", "index"),
    [
        (queries.HISTORY, ("me", "a", 2**62, 40), "uploads_chat (account=? AND chat=?"),
        (queries.CHATS, ("me", 100), "COVERING INDEX uploads_chat (account=?"),
        (queries.TOLD, ("me", 2**62, 50), "uploads_seq (account=? AND seq<?"),
        (queries.KEPT_SHOWN, ("me", 5), "uploads_seq (account=? AND seq=?"),
        (queries.DELIVERED, ("me", 100), "uploads_settled (account=? AND fate=?"),
        (queries.COUNTS, ("me", 0.0, b"x"), "uploads_settled (account=? AND fate=? AND settled>?"),
    ],
)
async def test_each_is_found_by_an_index(
    journal: Journal, tmp_path: Path, sql: str, values: tuple[object, ...], index: str
) -> None:
    db = sqlite3.connect(tmp_path / "journal.db")
    plan = [row[3] for row in db.execute("EXPLAIN QUERY PLAN " + sql, values)]
    db.close()
    assert any(index in step for step in plan), plan
    assert not any(step.startswith("SCAN uploads") and "INDEX" not in step for step in plan), plan
