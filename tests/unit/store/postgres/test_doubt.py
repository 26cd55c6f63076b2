"""An answer that is lost: what was written is known, and written once."""

import asyncio
import os
import random
from typing import Any

import asyncpg
import msgspec
import pytest

from openwx.errors import LeaseLost
from openwx.store.base import InDoubt, InvalidBatch, JournalError
from openwx.store.postgres.connections import Address
from openwx.store.postgres.journal import PostgresJournal
from openwx.store.records import (
    AccountRecord,
    CompletedReport,
    DeliveryKey,
    DeliveryOutcome,
    DeliveryStatus,
    NewSend,
    WriteBatch,
)
from tests.patience import PATIENCE_S

from ..members import member
from ..reports import Clock, a_message
from .cutting import AT_ONCE, Cut, CuttingProxy

SEED = int(os.environ.get("OPENWX_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
REFUSES = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'no reports here' USING ERRCODE = '{state}'; END $$;
CREATE TRIGGER refuses BEFORE INSERT ON reports FOR EACH ROW EXECUTE FUNCTION refuse()"""
TAKE = "UPDATE accounts SET incarnation = gen_random_uuid(), epoch = epoch + 1 WHERE account = $1"


async def write_patiently(journal: PostgresJournal, batch: WriteBatch) -> None:
    """Write a batch, again and again where it was certainly not written."""
    await journal.until_done(lambda: journal.write(batch), on_wait=lambda _: None)


async def uids_of(journal: PostgresJournal, account: str) -> list[str]:
    page = await journal.published(account, 0, rows=10_000, size=2**30)
    return [report.uid for report in page.reports]


async def test_every_batch_is_written_once_wherever_the_connection_is_cut(
    through: PostgresJournal, proxy: CuttingProxy
) -> None:
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    written: dict[str, list[str]] = {account: [] for account in ("me", "other", "shop")}
    for turn in range(20):
        batches = []
        for n in range(chance.randrange(1, 6)):
            mark = f"<mark {turn}.{n}>"
            if chance.random() < 0.5:
                proxy.cuts[mark.encode()] = chance.choice(AT_ONCE)
            account = chance.choice(list(written))
            report = a_message(n, chance.choice("xyz"), with_={"mark": mark})
            written[account].append(report.uid)
            batches.append(
                WriteBatch(account=account, reports=[report], state={"turn": b"%d" % turn})
            )
        await asyncio.gather(*(write_patiently(through, batch) for batch in batches))
    assert len(proxy.done) > 5
    for account, uids in written.items():
        assert sorted(await uids_of(through, account)) == sorted(uids)


@pytest.mark.parametrize("cut", AT_ONCE)
async def test_a_write_waits_until_its_outcome_is_known(
    through: PostgresJournal, proxy: CuttingProxy, cut: Cut
) -> None:
    """No error: the connection is back at once."""
    await through.write(WriteBatch(account="me", state={"a": b"1"}))
    proxy.cuts[b"<mark>"] = cut
    batch = WriteBatch(account="me", reports=[a_message(with_={"mark": "<mark>"})])
    (report,) = (await through.write(batch)).recorded
    assert proxy.done == [b"<mark>"]
    assert await through.pending("me") == [(report.id, "c")]
    assert not through.trouble
    (later,) = (await through.write(WriteBatch(account="me", reports=[a_message()]))).recorded
    assert later.id > report.id


async def test_what_waits_behind_a_doubt_is_refused(
    through: PostgresJournal, proxy: CuttingProxy
) -> None:
    """It was never sent, so its caller may try again."""
    await through.write(WriteBatch(account="me", state={"a": b"1"}))
    proxy.cuts[b"<mark>"] = Cut.AFTER
    second: list[asyncio.Task[Any]] = []

    async def one_more() -> None:
        batch = WriteBatch(account="me", reports=[a_message(uid="second")])
        second.append(asyncio.create_task(through.write(batch)))
        await asyncio.sleep(0)

    proxy.hooks[b"<mark>"] = one_more
    batch = WriteBatch(account="me", reports=[a_message(uid="first", with_={"mark": "<mark>"})])
    assert (await through.write(batch)).recorded
    with pytest.raises(JournalError):
        await second[0]
    assert await uids_of(through, "me") == ["first"]


async def all_kinds(journal: PostgresJournal, clock: Clock) -> list[object]:
    """Write batches of every kind, each with a mark of its own, and return what they were answered."""
    marks = (f"<mark {n}>" for n in range(99))

    def marked(**parts: Any) -> WriteBatch:
        return WriteBatch(account="me", state={"mark": next(marks).encode()}, **parts)

    results: list[object] = []

    async def write(**parts: Any) -> Any:
        clock.now += 1
        results.append(await journal.write(marked(**parts)))
        return results[-1]

    reports = [
        *(a_message(n, f"chat {n}", uid=f"u{n}") for n in range(4)),
        a_message(4, "d", uid="held", media=b"ref"),
        a_message(5, "d", uid="behind"),
        a_message(6, "e", uid="first", dedupe="twice"),
        a_message(7, "e", uid="second", dedupe="twice"),
    ]
    ids = [report.id if report else 0 for report in (await write(reports=reports)).reports]
    reply = NewSend(uid="r", body=b"", report_id=ids[0])
    await write(sends=[NewSend(uid="s", body=b"1"), reply])
    await write(sends=[NewSend(uid="t", body=b""), msgspec.structs.replace(reply, uid="again")])
    await write(rewritten_sends={"s": b"2"})
    await write(finished_sends=["t"])
    await write(completed=[CompletedReport(id=ids[4], body=b"{}", attachment="/file")])
    await write(failed_tries=[DeliveryKey(ids[1])] * 2)
    ends = [DeliveryOutcome(id, DeliveryStatus.FAILED, 500, "no") for id in ids[1:4]]
    await write(outcomes=[*ends, DeliveryOutcome(ids[0], DeliveryStatus.DELIVERED, 200)])
    await write(retried=[DeliveryKey(ids[1]), DeliveryKey(ids[0]), DeliveryKey(99)])
    await write(dropped=[DeliveryKey(ids[2]), DeliveryKey(ids[1])])
    await write(
        outcomes=[DeliveryOutcome(ids[1], DeliveryStatus.FAILED)],
        retried=[DeliveryKey(ids[3])],
        dropped=[DeliveryKey(ids[1])],
        media={"m": b"1"},
        keys={"k": b"1"},
    )
    assert [bool(one.retried or one.dropped) for one in results[-3:]] == [True] * 3  # type: ignore[attr-defined]
    results.append(await journal.deliveries("me", ids[1]))
    results += [
        await listed("me") for listed in (journal.failed, journal.waiting, journal.delivered)
    ]
    results += [await journal.waiting_sends("me"), await journal.held("me")]
    results.append(await journal.published("me", 0, rows=99, size=2**20))
    results += [await journal.keys_of("me", "k"), await journal.media("me", "m")]
    return results


async def test_a_batch_of_every_kind_is_answered_the_same_when_it_is_found_done(
    address: Address, through: PostgresJournal, proxy: CuttingProxy
) -> None:
    other = address._replace(schema=f"{address.schema}_b")
    one, two = Clock(), Clock()
    async with member(other, clock=one) as uncut:
        expected = await all_kinds(uncut, one)
    proxy.cuts = {f"<mark {n}>".encode(): Cut.AFTER for n in range(11)}
    through._writer._clock = through._writer._settler._clock = two
    assert await all_kinds(through, two) == expected
    assert len(proxy.done) == 11


async def test_a_batch_that_is_found_invalid_after_a_doubt_can_never_be_written(
    through: PostgresJournal, proxy: CuttingProxy, operator: asyncpg.Connection
) -> None:
    send = NewSend(uid="s", body=b"")
    await through.write(WriteBatch(account="me", sends=[send]))
    former = await operator.fetchval("SELECT unit FROM accounts WHERE account = 'me'")
    proxy.cuts[b"<mark>"] = Cut.WITHIN
    with pytest.raises(InvalidBatch):
        await through.write(
            WriteBatch(account="me", reports=[a_message(with_={"mark": "<mark>"})], sends=[send])
        )
    assert await uids_of(through, "me") == []
    # Its unit is used up: the request that was cut could still be on its way.
    assert await operator.fetchval("SELECT unit FROM accounts WHERE account = 'me'") == former + 1


@pytest.mark.parametrize("state", ["53100", "23514", "XX002"])
async def test_a_batch_that_is_refused_after_a_doubt_is_not_taken_for_written(
    through: PostgresJournal, proxy: CuttingProxy, operator: asyncpg.Connection, state: str
) -> None:
    """Its unit is used up, the answer to that is lost, and so its third try finds the unit in the row."""
    await through.write(WriteBatch(account="me", state={"a": b"1"}))
    proxy.cuts = {b"<mark>": Cut.BEFORE, b"rule_out_1": Cut.AFTER}
    proxy.hooks[b"<mark>"] = lambda: operator.execute(REFUSES.format(state=state))
    batch = WriteBatch(account="me", reports=[a_message(uid="first", with_={"mark": "<mark>"})])
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises((JournalError, InvalidBatch), match="no reports here") as caught:
            await through.write(batch)
        assert isinstance(caught.value, InvalidBatch) == state.startswith("23")
        assert proxy.done == [b"<mark>", b"rule_out_1"]
        await operator.execute("DROP TRIGGER refuses ON reports")
        await through.until_writable()
        await through.write(WriteBatch(account="me", reports=[a_message(uid="second")]))
    assert await uids_of(through, "me") == ["second"]
    assert not through.trouble


async def test_what_postgresql_cannot_store_is_an_invalid_batch(journal: PostgresJournal) -> None:
    """It fails alone, and the journal goes on."""
    (report,) = (await journal.write(WriteBatch(account="me", reports=[a_message()]))).recorded
    end = DeliveryOutcome(report.id, DeliveryStatus.DELIVERED, tries=2**40)
    bad = [
        WriteBatch(account="me", outcomes=[end]),
        WriteBatch(account="me", state={"\ud800": b""}),
    ]
    good = [WriteBatch(account="me", reports=[a_message(uid=f"good{n}")]) for n in range(3)]
    batches = [bad[0], good[0], bad[1], *good[1:]]
    results = await asyncio.gather(*map(journal.write, batches), return_exceptions=True)
    for batch, result in zip(batches, results, strict=True):
        assert isinstance(result, InvalidBatch) == (batch in bad), batch
    assert (await uids_of(journal, "me"))[1:] == ["good0", "good1", "good2"]
    for name in ("a\x00", "".join(map(chr, range(300, 9000)))):
        with pytest.raises(InvalidBatch):
            await journal.save_account(
                AccountRecord(account=name, wanted=True, settings=b"", origin="api")
            )
    assert not journal.trouble


async def test_a_lost_term_is_told_and_nothing_is_written(
    journal: PostgresJournal, operator: asyncpg.Connection
) -> None:
    for account in ("me", "other"):
        await journal.write(WriteBatch(account=account, state={"a": b"1"}))
    await operator.execute(TAKE, "me")
    batches = [
        WriteBatch(account=account, reports=[a_message(uid=f"{account}{n}")])
        for n in range(2)
        for account in ("me", "other")
    ]
    results = await asyncio.gather(*map(journal.write, batches), return_exceptions=True)
    assert [type(result) is LeaseLost for result in results] == [True, False, True, False]
    assert (await uids_of(journal, "me"), await uids_of(journal, "other")) == (
        [],
        ["other0", "other1"],
    )
    with pytest.raises(LeaseLost):
        await journal.write(WriteBatch(account="me", state={"a": b"2"}))
    assert await journal.state("me") == {"a": b"1"}
    assert not journal.trouble


async def test_a_term_that_is_lost_during_a_doubt_leaves_it(
    through: PostgresJournal, proxy: CuttingProxy, operator: asyncpg.Connection
) -> None:
    await through.write(WriteBatch(account="me", state={"a": b"1"}))
    proxy.cuts[b"<mark>"] = Cut.AFTER
    proxy.hooks[b"<mark>"] = lambda: operator.execute(TAKE, "me")
    with pytest.raises(InDoubt):
        await through.write(WriteBatch(account="me", reports=[a_message(with_={"mark": "<mark>"})]))
    assert len(await uids_of(through, "me")) == 1
    with pytest.raises(LeaseLost):
        await through.write(WriteBatch(account="me", state={"a": b"2"}))
