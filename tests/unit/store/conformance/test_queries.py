"""Queries of what is stored: conversations, deliveries, counts."""

import msgspec

from openwx.store.base import MAX_SEQ, Journal
from openwx.store.records import (
    MAX_STORED_BODY,
    CompletedReport,
    Counts,
    DeliveryOutcome,
    DeliveryStatus,
    MessagePage,
    WriteBatch,
)

from ..reports import Clock, a_message

MUCH = 2**20


def n_of(body: bytes) -> int:
    return int(msgspec.json.decode(body)["n"])


async def write(journal: Journal, *reports: object, account: str = "me") -> list[int]:
    written = await journal.write(WriteBatch(account=account, reports=list(reports)))  # type: ignore[arg-type]
    return [report.id for report in written.reports if report]


async def test_a_conversation_backwards_and_in_pieces(journal: Journal) -> None:
    await write(journal, *(a_message(n, "ab"[n % 2]) for n in range(10)), a_message(10, ""))
    await write(journal, a_message(11, "a"), account="other")
    newest = await journal.messages("me", "a", rows=3, size=MUCH)
    assert [n_of(body) for _, body in newest.messages] == [8, 6, 4]
    assert (newest.end, newest.more) == (newest.messages[-1][0], True)
    older = await journal.messages("me", "a", before=newest.end, rows=2, size=MUCH)
    assert [n_of(body) for _, body in older.messages] == [2, 0]
    assert not older.more
    assert await journal.messages("me", "", rows=9, size=MUCH) == MessagePage([], MAX_SEQ, False)


async def test_messages_of_all_chats(journal: Journal) -> None:
    """Events and pruned bodies are read, and left out."""
    await write(journal, a_message(0, "a"), a_message(1, "", kind="login"), a_message(2, "b"))
    whole = await journal.messages("me", None, rows=9, size=MUCH)
    assert [n_of(body) for _, body in whole.messages] == [2, 0]
    part = await journal.messages("me", None, rows=2, size=MUCH)
    assert [n_of(body) for _, body in part.messages] == [2]
    assert part.more
    rest = await journal.messages("me", None, before=part.end, rows=2, size=MUCH)
    assert [n_of(body) for _, body in rest.messages] == [0]
    assert not rest.more
    large = a_message(3, "b", with_={"x": "x" * MAX_STORED_BODY}, targets=())
    await write(journal, large, a_message(4, "a"))
    assert [
        n_of(body) for _, body in (await journal.messages("me", "b", rows=9, size=MUCH)).messages
    ] == [2]
    one = await journal.messages("me", None, rows=9, size=1)
    assert [n_of(body) for _, body in one.messages] == [4]
    assert one.more


async def test_the_newest_of_each_chat(journal: Journal) -> None:
    await write(
        journal, *(a_message(n, chat) for n, chat in enumerate(["a", "b", "a", "c", "", "b"]))
    )
    chats = await journal.chats("me", limit=2)
    assert [(one.chat, n_of(one.body)) for one in chats] == [("b", 5), ("c", 3)]


async def test_what_is_held_is_not_published(journal: Journal) -> None:
    (held, _) = await write(journal, a_message(1, "a", media=b"ref"), a_message(2, "a"))
    await write(journal, a_message(3, "b"))
    assert [n_of(one.body) for one in await journal.log("me", limit=9)] == [3]
    assert (await journal.messages("me", "a", rows=9, size=MUCH)).messages == []
    body = msgspec.json.encode({"n": 1})
    await journal.write(WriteBatch(account="me", completed=[CompletedReport(id=held, body=body)]))
    page = (await journal.messages("me", "a", rows=9, size=MUCH)).messages
    assert [n_of(body) for _, body in page] == [2, 1]
    seq = page[1][0]
    found = await journal.published_report("me", seq)
    assert found is not None
    assert (found.seq, found.body) == page[1]
    assert await journal.published_report("me", 0) is None
    assert await journal.published_report("other", seq) is None


async def test_deliveries_that_arrived(journal: Journal, clock: Clock) -> None:
    first, second, third = await write(journal, a_message(1), a_message(2), a_message(3))
    await write(journal, a_message(4, targets=()))
    outcomes = [
        DeliveryOutcome(first, DeliveryStatus.DELIVERED, 200),
        DeliveryOutcome(second, DeliveryStatus.FAILED, 500, "no"),
    ]
    await journal.write(WriteBatch(account="me", outcomes=outcomes))
    clock.now += 1
    await journal.write(
        WriteBatch(account="me", outcomes=[DeliveryOutcome(third, DeliveryStatus.DELIVERED, 204)])
    )
    delivered = await journal.delivered("me", limit=9)
    assert [(one.id, one.http_status) for one in delivered] == [(third, 204), (first, 200)]
    (failed_one,) = await journal.deliveries("me", second)
    assert (failed_one.status, failed_one.error) == (DeliveryStatus.FAILED, "no")
    assert await journal.deliveries("other", second) == []
    bodies = await journal.bodies("me", [first, second, 99])
    assert {id: n_of(body) for id, body in bodies.items()} == {first: 1, second: 2}


async def test_counts(journal: Journal, clock: Clock) -> None:
    old = await write(journal, a_message(), a_message())
    await journal.write(
        WriteBatch(account="me", outcomes=[DeliveryOutcome(old[0], DeliveryStatus.DELIVERED, 200)])
    )
    clock.now += 4000
    sent, not_sent = {"code": 0, "msg": ""}, {"code": 1205, "content": '"code":0,'}
    new = await write(
        journal,
        a_message(),
        a_message(),
        a_message(kind="send_message", with_=sent),
        a_message(kind="send_message", with_=not_sent),
        a_message(kind="login", targets=()),
        a_message(kind="receive_message", targets=()),
    )
    outcomes = [
        DeliveryOutcome(new[0], DeliveryStatus.DELIVERED, 200),
        DeliveryOutcome(new[1], DeliveryStatus.FAILED, 500, "no"),
        DeliveryOutcome(old[1], DeliveryStatus.FAILED, 0, "too old"),
    ]
    await journal.write(WriteBatch(account="me", outcomes=outcomes))
    await write(journal, a_message(), account="other")
    counts = await journal.counts("me", within_s=3600)
    assert counts == Counts(received=3, sent=1, delivered=1, failed=2, waiting=2)
