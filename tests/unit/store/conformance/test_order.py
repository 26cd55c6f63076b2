"""Batches of one account take effect in the order of the calls, and ids grow with them."""

import asyncio
import random
from collections.abc import Sequence

import msgspec
import pytest

from openwx.store.base import Journal
from openwx.store.records import (
    DeliveryKey,
    DeliveryOutcome,
    DeliveryStatus,
    NewSend,
    WriteBatch,
)

from ..reports import Clock, a_message
from .conftest import Open
from .test_published import SEED


async def at_once(journal: Journal, *batches: WriteBatch) -> None:
    """Write them without waiting for one before the next, so that stores may write them together."""
    await asyncio.gather(*map(journal.write, batches))


async def report_of(journal: Journal, account: str = "me") -> int:
    written = await journal.write(WriteBatch(account=account, reports=[a_message()]))
    return written.recorded[0].id


async def test_a_reply_comes_too_late_after_the_end(journal: Journal) -> None:
    id = await report_of(journal)
    end = WriteBatch(account="me", outcomes=[DeliveryOutcome(id, DeliveryStatus.DELIVERED, 200)])
    reply = WriteBatch(account="me", sends=[NewSend(uid="s", body=b"", report_id=id)])
    await at_once(journal, end, reply)
    assert await journal.waiting_sends("me") == []


async def test_what_was_retried_can_end_again(journal: Journal) -> None:
    id = await report_of(journal)
    fails = WriteBatch(account="me", outcomes=[DeliveryOutcome(id, DeliveryStatus.FAILED)])
    again = WriteBatch(account="me", retried=[DeliveryKey(id)])
    ends = WriteBatch(account="me", outcomes=[DeliveryOutcome(id, DeliveryStatus.DELIVERED)])
    await at_once(journal, fails, again, ends)
    assert [one.status for one in await journal.deliveries("me", id)] == [DeliveryStatus.DELIVERED]


async def test_what_is_dropped_is_not_retried_any_more(journal: Journal) -> None:
    id = await report_of(journal)
    fails = WriteBatch(account="me", outcomes=[DeliveryOutcome(id, DeliveryStatus.FAILED)])
    drop = WriteBatch(account="me", dropped=[DeliveryKey(id)])
    again = WriteBatch(account="me", retried=[DeliveryKey(id)])
    await at_once(journal, fails, drop, again)
    assert [one.status for one in await journal.deliveries("me", id)] == [DeliveryStatus.DROPPED]


async def test_a_try_after_the_end_is_not_counted(journal: Journal) -> None:
    id = await report_of(journal)
    fails = WriteBatch(account="me", outcomes=[DeliveryOutcome(id, DeliveryStatus.FAILED)])
    one_more = WriteBatch(account="me", failed_tries=[DeliveryKey(id)])
    await at_once(journal, one_more, fails, one_more)
    assert [one.tries for one in await journal.deliveries("me", id)] == [1]


async def test_a_send_is_not_rewritten_before_it_is_there(journal: Journal) -> None:
    rewrite = WriteBatch(account="me", rewritten_sends={"s": b"new"})
    store = WriteBatch(account="me", sends=[NewSend(uid="s", body=b"first")])
    await at_once(journal, rewrite, store)
    assert [one.body for one in await journal.waiting_sends("me")] == [b"first"]
    await at_once(journal, WriteBatch(account="me", finished_sends=["s"]), store, rewrite)
    assert [one.body for one in await journal.waiting_sends("me")] == [b"new"]


class Model:
    """One account's deliveries and sends, changed batch by batch."""

    def __init__(self, ids: list[int]) -> None:
        self.deliveries = dict.fromkeys(ids, 0)
        self.sends: dict[str, bytes] = {}
        self.state: dict[str, bytes] = {}

    def write(self, batch: WriteBatch) -> None:
        for send in batch.sends:
            if send.report_id is None or self.deliveries[send.report_id] == 0:
                self.sends[send.uid] = send.body
        for uid, body in batch.rewritten_sends.items():
            if uid in self.sends:
                self.sends[uid] = body
        for uid in batch.finished_sends:
            self.sends.pop(uid, None)
        for end in batch.outcomes:
            if self.deliveries[end.id] == 0:
                self.deliveries[end.id] = int(end.status)
        for key, value in batch.state.items():
            self.state[key] = value or b""
        self._of_failed(batch.retried, 0)
        self._of_failed(batch.dropped, int(DeliveryStatus.DROPPED))

    def _of_failed(self, keys: Sequence[DeliveryKey], status: int) -> None:
        for one in keys:
            if self.deliveries[one.report_id] == DeliveryStatus.FAILED:
                self.deliveries[one.report_id] = status


class Author:
    """Makes batches that name the same few rows again and again."""

    def __init__(self, chance: random.Random, ids: list[int]) -> None:
        self._chance = chance
        self._ids = ids
        self._uids: list[str] = []

    def batch(self, account: str) -> WriteBatch:
        chance = self._chance
        parts = set(chance.sample(range(7), chance.randrange(1, 4)))
        uid = f"s{len(self._uids)}"
        if 0 in parts:
            self._uids.append(uid)
        reply_to = chance.choice([None, *self._ids])
        known = self._uids or ["none"]
        status = chance.choice([*DeliveryStatus])
        return WriteBatch(
            account=account,
            sends=[NewSend(uid=uid, body=b"", report_id=reply_to, part=len(self._uids))]
            * (0 in parts),
            rewritten_sends={chance.choice(known): b"%d" % chance.randrange(99)}
            if 1 in parts
            else {},
            finished_sends=[chance.choice(known)] * (2 in parts),
            outcomes=[DeliveryOutcome(chance.choice(self._ids), status)] * (3 in parts),
            retried=[DeliveryKey(chance.choice(self._ids))] * (4 in parts),
            dropped=[DeliveryKey(chance.choice(self._ids))] * (5 in parts),
            state={"last": b"%d" % chance.randrange(99)} if 6 in parts else {},
        )


async def test_any_batches_take_effect_in_order(journal: Journal) -> None:
    """Two accounts, whatever the store writes together."""
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    accounts = ("me", "other")
    ids = {account: [await report_of(journal, account) for _ in range(3)] for account in accounts}
    models = {account: Model(ids[account]) for account in accounts}
    authors = {account: Author(chance, ids[account]) for account in accounts}
    for _ in range(15):
        batches = [authors[account].batch(account) for account in chance.choices(accounts, k=20)]
        for batch in batches:
            models[batch.account].write(batch)
        await at_once(journal, *batches)
        for account, model in models.items():
            found = {
                id: (await journal.deliveries(account, id))[0].status for id in model.deliveries
            }
            sends = {one.uid: one.body for one in await journal.waiting_sends(account)}
            assert sends == model.sends
            assert found == model.deliveries
            assert await journal.state(account) == model.state


async def test_ids_grow_in_the_order_of_the_writes(reopen: Open) -> None:
    reports: dict[str, list[int]] = {"me": [], "other": []}
    sends: dict[str, list[int]] = {"me": [], "other": []}
    for turn in range(3):
        async with reopen() as journal:
            batches = [
                WriteBatch(
                    account=("me", "other")[n % 2],
                    reports=[a_message(n), a_message(n, dedupe="same"), a_message(n)],
                    sends=[NewSend(uid=f"{turn}-{n}-{k}", body=b"") for k in range(2)],
                )
                for n in range(40)
            ]
            for batch, written in zip(
                batches, await asyncio.gather(*map(journal.write, batches)), strict=True
            ):
                reports[batch.account] += [one.id for one in written.recorded]
                sends[batch.account] += [one.id for one in written.sends]
            for account, ids in sends.items():
                assert [one.id for one in await journal.waiting_sends(account)] == ids
                assert [id for id, _ in await journal.pending(account)] == reports[account]
    for ids in (*reports.values(), *sends.values()):
        assert len(ids) > 100
        assert ids == sorted(set(ids))


@pytest.mark.parametrize("with_report", [False, True])
async def test_ids_of_sends_never_come_back(reopen: Open, with_report: bool) -> None:
    """Not even if none is left."""
    former: list[int] = []
    for turn in range(3):
        async with reopen() as journal:
            batch = WriteBatch(account="me", sends=[NewSend(uid=f"s{turn}", body=b"")])
            (send,) = (await journal.write(batch)).sends
            former.append(send.id)
            reports = [a_message()] * with_report
            done = WriteBatch(account="me", reports=reports, finished_sends=[send.uid])
            await journal.write(done)
    assert former == sorted(set(former))


async def test_numbers_are_never_reused_within_an_account(reopen: Open, clock: Clock) -> None:
    """Whatever is pruned, of this account or of another one, and however often the store is opened."""
    seen: list[int] = []
    for turn in range(4):
        async with reopen() as journal:
            for account in ("other", "me"):
                reports = [a_message(turn, targets=()), a_message(turn, targets=())]
                await journal.write(WriteBatch(account=account, reports=reports))
            page = await journal.published("me", seen[-1] if seen else 0, rows=9, size=2**20)
            assert [msgspec.json.decode(one.body)["n"] for one in page.reports] == [turn, turn]
            seen += [one.id for one in page.reports]
            clock.now += 100
            await journal.prune(keep_s=1, keep=0)
    assert seen == sorted(set(seen))
