"""Everything is of one account: what another one names is without effect, as if it did not exist.

The other account has no reports and sends of its own, since stores may count ids by account.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from openwx.store.base import Journal
from openwx.store.records import (
    CompletedReport,
    Counts,
    DeliveryKey,
    DeliveryOutcome,
    DeliveryStatus,
    NewSend,
    Report,
    Send,
    WriteBatch,
    WriteResult,
)

from ..reports import a_message


class Mine(msgspec.Struct):
    """What the account ``me`` has."""

    waiting: Report
    held: Report
    failed: Report
    delivered: Report
    send: Send


@pytest.fixture
async def mine(journal: Journal) -> Mine:
    reports = [
        a_message(1, "a", attachment="/waits", dedupe="d1"),
        a_message(2, "b", media=b"ref"),
        a_message(3, "c"),
        a_message(4, "d"),
    ]
    written = await journal.write(
        WriteBatch(
            account="me",
            reports=reports,
            sends=[NewSend(uid="s", body=b"mine", attachment="/send")],
            state={"session": b"secret"},
            media={"m": b"1"},
            keys={"k": b"1", "k uid": b"2"},
        )
    )
    waiting, held, failed, delivered = written.recorded
    mine = Mine(waiting, held, failed, delivered, written.sends[0])
    ends = [
        DeliveryOutcome(mine.failed.id, DeliveryStatus.FAILED, 500, "no"),
        DeliveryOutcome(mine.delivered.id, DeliveryStatus.DELIVERED, 200),
    ]
    await journal.write(WriteBatch(account="me", outcomes=ends))
    return mine


async def everything(journal: Journal, mine: Mine, account: str) -> dict[str, Any]:
    """Return all that an account can read."""
    ids = [one.id for one in (mine.waiting, mine.held, mine.failed, mine.delivered)]
    page = await journal.published("me", 0, rows=9, size=2**20)
    seqs = [one.id for one in page.reports]
    much = {"rows": 9, "size": 2**20}
    return {
        "pending": await journal.pending(account),
        "pending_report": [await journal.pending_report(account, id) for id in ids],
        "targets": await journal.targets_waited_for(account),
        "held": await journal.held(account),
        "body_of": await journal.body_of(account, "d1"),
        "published": (await journal.published(account, 0, **much)).reports,
        "newest": await journal.newest_published(account),
        "published_report": [await journal.published_report(account, seq) for seq in seqs],
        "report": [await journal.report(account, id) for id in ids],
        "log": await journal.log(account, limit=9),
        "messages": (await journal.messages(account, None, **much)).messages,
        "of_chat": (await journal.messages(account, "a", **much)).messages,
        "chats": await journal.chats(account, limit=9),
        "bodies": await journal.bodies(account, ids),
        "counts": await journal.counts(account, within_s=60),
        "sends": await journal.waiting_sends(account),
        "failed": await journal.failed(account),
        "count_failed": await journal.count_failed(account),
        "waiting": await journal.waiting(account),
        "delivered": await journal.delivered(account),
        "deliveries": [await journal.deliveries(account, id) for id in ids],
        "state": await journal.state(account),
        "media": await journal.media(account, "m"),
        "keys": await journal.keys_of(account, "k"),
        "files": await journal.files(account),
        "unfinished": await journal.unfinished(account),
    }


async def test_nobody_reads_what_is_another_ones(journal: Journal, mine: Mine) -> None:
    own = await everything(journal, mine, "me")
    others = await everything(journal, mine, "other")
    nothing = Counts(received=0, sent=0, delivered=0, failed=0, waiting=0)
    for name, found in own.items():
        assert found, name
        assert found != others[name], name
    assert others.pop("counts") == nothing
    assert others.pop("unfinished") == (0, 0)
    assert own["files"] == {"/waits", "/send"}
    for name, found in others.items():
        assert not found or not any(found), name


Part = Callable[[Mine], dict[str, Any]]


def end_of(report: Report, status: DeliveryStatus) -> dict[str, Any]:
    return {"outcomes": [DeliveryOutcome(report.id, status, 200, tries=9)]}


@pytest.mark.parametrize(
    "part",
    [
        lambda mine: {"sends": [NewSend(uid="r", body=b"", report_id=mine.waiting.id)]},
        lambda mine: {
            "completed": [CompletedReport(id=mine.held.id, body=b"{}", attachment="/theirs")]
        },
        lambda mine: {"rewritten_sends": {mine.send.uid: b"theirs"}},
        lambda mine: {"finished_sends": [mine.send.uid]},
        lambda mine: {"failed_tries": [DeliveryKey(mine.waiting.id)]},
        lambda mine: end_of(mine.waiting, DeliveryStatus.DELIVERED),
        lambda mine: end_of(mine.waiting, DeliveryStatus.FAILED),
        lambda mine: {"retried": [DeliveryKey(mine.failed.id)]},
        lambda mine: {"dropped": [DeliveryKey(mine.failed.id)]},
        lambda _: {"state": {"session": None}},
        lambda _: {"state": {"session": b"theirs"}},
        lambda _: {"media": {"m": b"theirs"}},
        lambda _: {"keys": {"k": b"theirs"}},
    ],
    ids=[
        "sends", "completed", "rewritten_sends", "finished_sends", "failed_tries", "delivered", "failed",
        "retried", "dropped", "state deleted", "state", "media", "keys",
    ],
)  # fmt: skip
async def test_nobody_changes_what_is_another_ones(
    journal: Journal, mine: Mine, part: Part
) -> None:
    before = await everything(journal, mine, "me")
    written = await journal.write(WriteBatch(account="other", **part(mine)))
    assert written == WriteResult(reports=[], sends=[], retried=[], dropped=[])
    assert await everything(journal, mine, "me") == before
    # Each of them is something that its own account can do.
    await journal.write(WriteBatch(account="me", **part(mine)))
    assert await everything(journal, mine, "me") != before


async def test_a_report_that_another_account_completes_shows_nothing(
    journal: Journal, mine: Mine
) -> None:
    """Not even what is held of the first one while the other completes its own."""
    theirs = WriteBatch(account="other", reports=[a_message(9, "b", media=b"ref", uid="theirs")])
    (held,) = (await journal.write(theirs)).recorded
    before = await everything(journal, mine, "me")
    done = CompletedReport(id=held.id, body=b"{}")
    await journal.write(WriteBatch(account="other", completed=[done]))
    page = await journal.published("other", 0, rows=9, size=2**20)
    assert [one.uid for one in page.reports] == ["theirs"]
    assert await everything(journal, mine, "me") == before


async def test_two_accounts_may_use_the_same_names(journal: Journal) -> None:
    """Uids, dedupe, chats and keys are chosen by each account for itself."""

    def batch(account: str) -> WriteBatch:
        text = account.encode()
        return WriteBatch(
            account=account,
            reports=[a_message(1, "chat", uid="u", dedupe="d", attachment=f"/{account}")],
            sends=[NewSend(uid="s", body=text)],
            state={"x": text},
            media={"x": text},
            keys={"x": text},
        )

    accounts = ("me", "other")
    for account in accounts:
        written = await journal.write(batch(account))
        assert (len(written.recorded), len(written.sends)) == (1, 1)
    for account in accounts:
        assert [one.body for one in await journal.waiting_sends(account)] == [account.encode()]
        assert await journal.state(account) == {"x": account.encode()}
        assert await journal.media(account, "x") == account.encode()
        assert await journal.keys_of(account, "x") == {"x": account.encode()}
        assert await journal.files(account) == {f"/{account}"}
    await journal.write(WriteBatch(account="me", finished_sends=["s"]))
    assert await journal.waiting_sends("me") == []
    assert [one.uid for one in await journal.waiting_sends("other")] == ["s"]


async def test_pruning_leaves_each_account_what_its_policy_says(
    journal: Journal, mine: Mine
) -> None:
    theirs = [a_message(n, targets=()) for n in range(5)]
    await journal.write(WriteBatch(account="other", reports=theirs))
    before = await everything(journal, mine, "me")
    assert await journal.prune(keep=2) == 3
    assert await everything(journal, mine, "me") == before
    assert len(await journal.log("other", limit=9)) == 2
