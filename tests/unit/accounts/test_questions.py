"""Questions and answers, without a server."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from openwx.accounts import questions as module
from openwx.accounts.questions import Questions
from openwx.accounts.recorder import EventRecorder
from openwx.domain.contacts import Friend
from openwx.errors import CallerError, Code
from openwx.store.records import Report

GREY = Friend(id="@a", uid=7, displayname="小灰")
MOMO = Friend(id="@b", displayname="momo")


def message(content: str, sender: str = "@a", uid: int | str = 7, **more: Any) -> dict[str, Any]:
    return {
        "post_type": "receive_message",
        "type": "friend_message",
        "format": "text",
        "sender_id": sender,
        "sender_uid": uid,
        "id": content,
        "content": content,
    } | more


class Sending:
    """A send that ends on request."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.over = asyncio.Event()

    async def __call__(self, begin: Callable[[], None]) -> str:
        begin()
        self.begun.set()
        await self.over.wait()
        return "sent"


class Recorder:
    """Records and publishes messages, at once or later."""

    def __init__(self) -> None:
        self.newest_id = 0
        self.questions = Questions(cast("EventRecorder", self))

    def records(self, payload: dict[str, Any]) -> Callable[[], None]:
        """Record a message. What is returned publishes it."""
        self.newest_id += 1
        report = Report(
            id=self.newest_id, account="me", chat="", kind="", uid="", body=b"", created=0.0
        )
        return lambda: self.questions.on_report(report, payload)

    def publishes(self, payload: dict[str, Any]) -> None:
        self.records(payload)()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


async def test_an_answer_after_a_new_login(recorder: Recorder) -> None:
    sending = Sending()
    asking = asyncio.create_task(recorder.questions.ask(GREY, sending, 10))
    await sending.begun.wait()
    sending.over.set()
    recorder.publishes(message("other", sender="@c", uid=8))
    recorder.publishes(message("it", sender="@new", uid=7))
    sent, answer = await asking
    assert (sent, answer and answer["content"]) == ("sent", "it")


async def test_a_friend_without_uid_is_known_by_the_id_alone(recorder: Recorder) -> None:
    sending = Sending()
    asking = asyncio.create_task(recorder.questions.ask(MOMO, sending, 10))
    await sending.begun.wait()
    sending.over.set()
    recorder.publishes(message("other", sender="@c", uid=""))
    recorder.publishes(message("it", sender="@b", uid=""))
    _, answer = await asking
    assert answer is not None
    assert answer["content"] == "it"


@pytest.mark.parametrize(
    "payload",
    [
        message("x", format="notice"),
        message("x", format="revoke"),
        message("x", type="group_message"),
        message("x", type="group_notice"),
        message("x", post_type="send_message"),
        {"post_type": "event", "event": "login", "params": [1]},
    ],
)
async def test_what_is_no_answer(recorder: Recorder, payload: dict[str, Any]) -> None:
    sending = Sending()
    asking = asyncio.create_task(recorder.questions.ask(GREY, sending, 10))
    await sending.begun.wait()
    recorder.publishes(payload)
    recorder.publishes(message("it"))
    sending.over.set()
    _, answer = await asking
    assert answer is not None
    assert answer["content"] == "it"


async def test_a_failed_send_gives_the_turn_on(recorder: Recorder) -> None:
    questions = recorder.questions

    async def fails(_: Callable[[], None]) -> str:
        raise CallerError(Code.REFUSED, "no")

    for _ in range(2):
        with pytest.raises(CallerError):
            await questions.ask(GREY, fails, 10)
    assert not questions._turns
    assert not questions._questions


async def test_too_many_for_one_friend(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 1)
    questions, sending = recorder.questions, Sending()
    asking = [asyncio.create_task(questions.ask(GREY, sending, 0)) for _ in range(2)]
    await sending.begun.wait()
    with pytest.raises(CallerError) as caught:
        await questions.ask(GREY, sending, 0)
    assert caught.value.code == -7
    sending.over.set()
    assert await questions.ask(MOMO, sending, 0) == ("sent", None)
    assert await asyncio.gather(*asking) == [("sent", None)] * 2


async def test_an_account_that_stops(recorder: Recorder) -> None:
    questions, sending = recorder.questions, Sending()
    asking = [asyncio.create_task(questions.ask(GREY, sending, 300)) for _ in range(2)]
    await sending.begun.wait()
    sending.over.set()
    questions.give_up(CallerError(Code.NOT_RUNNING, "stopped"))
    for one in asking:
        with pytest.raises(CallerError) as caught:
            await one
        assert caught.value.code == -4


async def test_a_message_from_before_the_question_is_no_answer_when_its_media_comes_later(
    recorder: Recorder,
) -> None:
    publish = recorder.records(message("a picture"))
    sending = Sending()
    asking = asyncio.create_task(recorder.questions.ask(GREY, sending, 10))
    await sending.begun.wait()
    sending.over.set()
    publish()
    recorder.publishes(message("it"))
    _, answer = await asking
    assert answer is not None
    assert answer["content"] == "it"
