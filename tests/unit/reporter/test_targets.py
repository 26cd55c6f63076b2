"""Several targets: none holds up another, each has its own tries, and replies are theirs."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from msgspec import structs

from openwx.accounts.outbox import Outbox
from openwx.errors import CallerError
from openwx.reporter.delivery_error import words_of
from openwx.reporter.retry_schedule import Pauses
from openwx.store.records import WriteBatch
from tests.patience import until, until_seen

from .receiver import Receiver, says, status, waits_for
from .world import World, a_message, long_pauses, no_pauses

BOTH = ("post_api", "log")


@pytest.fixture
async def log() -> AsyncIterator[Receiver]:
    made = Receiver()
    await made.start()
    yield made
    await made.stop()


def target(receiver: Receiver, **more: Any) -> dict[str, Any]:
    return {"url": receiver.url, "name": "log", **more}


def outbox(world: World) -> Outbox:
    return Outbox("me", world.journal, world.reporters)


async def until_failed(world: World, *targets: str) -> None:
    await until_seen(
        lambda: world.journal.failed("me"),
        lambda failed: {one.target for one in failed} == {*targets},
    )


async def test_one_that_is_away_holds_up_no_other(world: World, log: Receiver) -> None:
    port = log.port
    await log.stop()
    world.start(pauses=long_pauses, targets=[target(log)])
    await world.record(*(a_message(n, "ab"[n % 2], targets=BOTH) for n in range(40)))
    await world.receiver.has(40)
    for chat in range(2):
        numbers = [n for n in world.receiver.numbers() if n % 2 == chat]
        assert numbers == sorted(numbers)
    assert set(world.reporters.outages) == {"log"}
    assert world.reporters.waiting["log"] == 40
    await log.start(port)
    assert await outbox(world).retry([1]) == 1  # ends the outage
    await log.has(40)
    await world.done()
    for chat in range(2):
        assert [n for n in log.numbers() if n % 2 == chat] == [*range(chat, 40, 2)]


async def test_one_that_hangs_holds_up_no_other(world: World, log: Receiver) -> None:
    never = asyncio.Event()
    log.otherwise = waits_for(never, says("{}"))
    world.start(targets=[target(log)])
    await world.record(*(a_message(n, f"chat {n}", targets=BOTH) for n in range(200)))
    await world.receiver.has(200)
    assert len(log.got) <= 64  # the most that are under way to one target
    never.set()
    await world.done()
    assert len(log.got) == 200


async def test_each_has_its_own_tries_and_failures(world: World, log: Receiver) -> None:
    log.otherwise = status(500)
    world.start(tries=4, targets=[target(log, tries=2)])
    world.receiver.script = [status(500)] * 3
    (report,) = (await world.record(a_message(1, targets=BOTH))).recorded
    await world.done()
    assert (len(world.receiver.got), len(log.got)) == (4, 2)
    (failed,) = await world.journal.failed("me")
    assert (failed.key, failed.tries, failed.http_status) == ((report.id, "log"), 2, 500)
    log.otherwise = says("{}")
    box = outbox(world)
    with pytest.raises(CallerError, match="no delivery 1 to post_api"):
        await box.retry([report.id], target="post_api")
    assert await box.retry([report.id], target="log") == 1
    await world.done()
    assert (len(world.receiver.got), len(log.got)) == (4, 3)
    assert len(log.ids()) == 1  # the same webhook-id each time


async def test_a_target_gets_what_it_wants_with_its_headers_and_secret(
    world: World, log: Receiver
) -> None:
    world.start(
        headers={"X-Key": "for post_api"},
        targets=[target(log, headers={"Authorization": "Bearer log"}, secret="s")],
    )
    await world.record(a_message(1), a_message(2, targets=BOTH), a_message(3, targets=("log",)))
    await world.done()
    assert world.receiver.numbers() == [1, 2]
    assert log.numbers() == [2, 3]

    def sent(got: Mapping[str, str]) -> tuple[str | None, ...]:
        return tuple(got.get(name) for name in ("X-Key", "Authorization"))

    assert {sent(got.headers) for got in world.receiver.got} == {("for post_api", None)}
    assert {sent(got.headers) for got in log.got} == {(None, "Bearer log")}
    assert all("webhook-signature" in got.headers for got in log.got)
    assert not any("webhook-signature" in got.headers for got in world.receiver.got)


async def test_a_header_wins_over_user_and_password_in_the_address(
    world: World, log: Receiver
) -> None:
    address = log.url.replace("//", "//user:password@")
    world.start(post_api=None, targets=[target(log, url=address, headers={"authorization": "x"})])
    await world.record(a_message(1, targets=("log",)))
    await world.done()
    assert log.got[0].headers["Authorization"] == "x"


async def test_headers_do_not_follow_to_another_port(world: World, log: Receiver) -> None:
    """On the same host another program may listen there."""
    world.receiver.otherwise = says("", status=307, Location=log.url)
    world.start(headers={"X-Key": "secret"})
    await world.record(a_message(1))
    await world.done()
    assert world.receiver.got[0].headers["X-Key"] == "secret"
    assert "X-Key" not in log.got[0].headers


@pytest.mark.parametrize(
    ("reply", "expected"), [(None, ["to post_api"]), (True, ["to log", "to post_api"])]
)
async def test_the_first_may_reply_and_others_if_they_are_allowed_to(
    world: World, log: Receiver, reply: bool | None, expected: list[str]
) -> None:
    world.receiver.otherwise = says('{"reply": "to post_api"}')
    log.otherwise = says('{"reply": "to log"}')
    world.start(targets=[target(log, reply=reply)])
    await world.record(a_message(1, targets=BOTH))
    await world.done()
    assert sorted(send.body.decode() for send in world.accepted) == expected
    stored = await world.journal.waiting_sends("me")
    assert {(send.target, send.body.decode()) for send in stored} == {
        (words.removeprefix("to "), words) for words in expected
    }


async def test_the_first_of_targets_may_reply_without_a_post_api(
    world: World, log: Receiver
) -> None:
    log.otherwise = says('{"reply": "hi"}')
    world.start(post_api=None, targets=[target(log)])
    await world.record(a_message(1, targets=("log",)))
    await world.done()
    assert [send.body for send in world.accepted] == [b"hi"]


async def test_what_waits_for_one_goes_on_after_a_restart(world: World, log: Receiver) -> None:
    port = log.port
    await log.stop()
    world.start(pauses=long_pauses, targets=[target(log)])
    await world.record(*(a_message(n, targets=BOTH) for n in range(3)))
    await world.receiver.has(3)
    await world.stop()
    await log.start(port)
    world.start(targets=[target(log)])
    await world.record(a_message(3, targets=BOTH))
    await world.done()
    assert world.receiver.numbers() == [0, 1, 2, 3]
    assert log.numbers() == [0, 1, 2, 3]


async def test_what_waits_for_a_removed_target_fails_and_says_so(
    world: World, log: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    port = log.port
    await log.stop()
    world.start(pauses=long_pauses, targets=[target(log)])
    (first, _) = (await world.record(*(a_message(n, targets=BOTH) for n in range(2)))).recorded
    await world.receiver.has(2)
    await world.stop()
    world.start()
    await until_failed(world, "log")
    failed = await world.journal.failed("me")
    words = "the configuration does not name the target log any more"
    assert [words_of(one.error) for one in failed] == [words] * 2
    assert "2 deliveries to log failed" in caplog.text
    with pytest.raises(CallerError, match=words):
        await outbox(world).retry([first.id])
    assert await outbox(world).retry(None) == 0
    # What was held for its media until now.
    await world.record(a_message(2, "other", targets=BOTH))
    await until_seen(lambda: world.journal.failed("me"), lambda failed: len(failed) >= 3)
    await world.done()
    await world.stop()
    await log.start(port)  # it comes back
    world.start(targets=[target(log)])
    assert await outbox(world).retry(None) == 3
    await world.done()
    assert sorted(log.numbers()) == [0, 1, 2]


async def test_what_is_held_for_a_removed_target_has_not_failed_yet(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    held = structs.replace(a_message(1, targets=("gone",)), media=b"to fetch")
    await world.journal.write(WriteBatch(account="me", reports=[held]))
    world.start()
    await world.record(a_message(2, "other", targets=("also gone",)))
    await until_failed(world, "also gone")  # later than what is older
    assert "deliveries to gone failed" not in caplog.text


async def test_a_new_target_gets_only_what_is_recorded_from_then_on(
    world: World, log: Receiver
) -> None:
    await world.receiver.stop()
    world.start(pauses=long_pauses)
    await world.record(a_message(0))
    await until(lambda: world.reporters.outages)
    await world.stop()
    world.start(pauses=long_pauses, targets=[target(log)])
    await world.record(a_message(1, targets=BOTH))
    await log.has(1)
    assert log.numbers() == [1]


async def test_old_events_are_dropped_for_one_that_was_away(world: World, log: Receiver) -> None:
    port = log.port
    await log.stop()
    pauses = Pauses(outage=long_pauses, refused=no_pauses, silent=no_pauses, gather_s=0.0)
    world.start(pauses=pauses, targets=[target(log)])
    await world.record(a_message(1, "", kind="state_change", targets=BOTH))
    await world.receiver.has(1)
    await until(lambda: world.reporters.outages)
    world.clock.goes_on(100)
    await log.start(port)
    await world.done()
    assert log.got == []
    (delivery, dropped) = sorted(
        await world.journal.deliveries("me", 1), key=lambda one: one.status
    )
    assert (delivery.target, dropped.target, words_of(dropped.error)) == (
        "post_api",
        "log",
        "too late",
    )
