"""Calls with a key: what the journal has of them, and what a restart makes of that."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from openwx import store
from openwx.accounts.idempotency import IdempotencyKeys, KeyedCall
from openwx.accounts.outgoing import OutgoingMessage, SendResult, new_message
from openwx.domain.chat_ref import ChatRef
from openwx.errors import CallerError
from openwx.store.base import Journal
from openwx.store.records import WriteBatch
from tests.patience import PATIENCE_S

TO = ChatRef(id="@1", uid="", group=False, displayname="小灰", fingerprint="f", login="l", uin="1")


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with store.open(tmp_path / "journal") as journal:
        yield journal


def started(journal: Journal, wait_s: float = PATIENCE_S) -> IdempotencyKeys:
    """As after a start."""
    return IdempotencyKeys("me", journal, wait_s)


async def accept(
    keys: IdempotencyKeys, journal: Journal, key: str, *contents: str
) -> list[OutgoingMessage]:
    messages = [new_message(TO, content, key=key) for content in contents]

    async def accept() -> KeyedCall:
        call = KeyedCall("asked", [one.uid for one in messages], len(messages))
        await journal.write(WriteBatch(account="me", keys={key: call.to_bytes()}))
        return call

    await keys.claim(key, "asked", accept)
    return messages


async def never() -> KeyedCall:
    raise AssertionError("the key is known")


async def end(keys: IdempotencyKeys, journal: Journal, message: OutgoingMessage) -> None:
    result = SendResult("@1", f"id of {message.content}")
    await journal.write(WriteBatch(account="me", keys=keys.row_of(message, result)))
    keys.settle(message, result)
    keys.persisted(message)


async def msg_ids(keys: IdempotencyKeys, key: str) -> list[str]:
    return [outcome.msg_id for outcome in await keys.outcomes(key)]


async def test_each_outcome_is_a_row_of_its_own(journal: Journal) -> None:
    keys = started(journal)
    a, b = await accept(keys, journal, "k", "a", "b")
    waiting = asyncio.create_task(msg_ids(keys, "k"))
    await end(keys, journal, b)
    assert set(await journal.keys_of("me", "k")) == {"k", f"k {b.uid}"}
    assert not waiting.done()
    await end(keys, journal, a)
    async with asyncio.timeout(PATIENCE_S):
        assert await waiting == ["id of a", "id of b"]
    assert await msg_ids(keys, "k") == ["id of a", "id of b"]


async def test_a_restart_between_two_outcomes(journal: Journal) -> None:
    before = started(journal)
    a, b = await accept(before, journal, "k", "a", "b")
    await end(before, journal, a)
    after = started(journal)
    call = await after.claim("k", "asked", never)
    assert call.uids == [a.uid, b.uid]
    waiting = asyncio.create_task(msg_ids(after, "k"))
    await end(after, journal, b)
    async with asyncio.timeout(PATIENCE_S):
        assert await waiting == ["id of a", "id of b"]
    assert await msg_ids(started(journal), "k") == ["id of a", "id of b"]


async def test_an_outcome_of_which_nobody_has_asked_since_a_restart(journal: Journal) -> None:
    (a,) = await accept(started(journal), journal, "k", "a")
    after = started(journal)
    await end(after, journal, a)
    assert await msg_ids(after, "k") == ["id of a"]


async def test_what_takes_too_long(journal: Journal) -> None:
    keys = started(journal, wait_s=0.01)
    await accept(keys, journal, "k", "a")
    with pytest.raises(CallerError, match="ask again with the same idempotency_key") as late:
        await keys.outcomes("k")
    assert late.value.http_status == 504


async def test_keys_that_look_alike_are_not_mixed_up(journal: Journal) -> None:
    keys = started(journal)
    for key in ("k", "k!", "kk", "k~"):
        for message in await accept(keys, journal, key, f"a {key}"):
            await end(keys, journal, message)
    for key in ("k", "k!", "kk", "k~"):
        assert len(await journal.keys_of("me", key)) == 2
        assert await msg_ids(started(journal), key) == [f"id of a {key}"]
    assert await journal.keys_of("other", "k") == {}


async def test_another_call_with_the_same_key(journal: Journal) -> None:
    keys = started(journal)
    await accept(keys, journal, "k", "a")
    for known in (keys, started(journal)):
        with pytest.raises(CallerError, match="idempotency_key must be a new one") as other:
            await known.claim("k", "something else", never)
        assert other.value.code == -2
