"""Questions and answers, without a server."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from openwx.accounts import questions
from openwx.accounts.questions import Questions
from openwx.domain.contacts import Friend
from openwx.errors import CallerError, Code

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
    """A send that is over when it is told so."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.over = asyncio.Event()

    async def __call__(self, begin: Callable[[], None]) -> str:
        begin()
        self.begun.set()
        await self.over.wait()
        return "sent"


def tell(consults: Questions, payload: dict[str, Any]) -> None:
    consults.arrived(payload)
    consults.heard(payload)


async def test_an_answer_after_a_new_login() -> None:
    consults, sending = Questions(), Sending()
    asking = asyncio.create_task(consults.ask(GREY, sending, 10))
    await sending.begun.wait()
    sending.over.set()
    tell(consults, message("other", sender="@c", uid=8))
    tell(consults, message("it", sender="@new", uid=7))
    sent, answer = await asking
    assert (sent, answer and answer["content"]) == ("sent", "it")


async def test_who_has_no_number_is_known_by_his_id_alone() -> None:
    consults, sending = Questions(), Sending()
    asking = asyncio.create_task(consults.ask(MOMO, sending, 10))
    await sending.begun.wait()
    sending.over.set()
    tell(consults, message("other", sender="@c", uid=""))
    tell(consults, message("it", sender="@b", uid=""))
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
async def test_what_is_no_answer(payload: dict[str, Any]) -> None:
    consults, sending = Questions(), Sending()
    asking = asyncio.create_task(consults.ask(GREY, sending, 10))
    await sending.begun.wait()
    tell(consults, payload)
    tell(consults, message("it"))
    sending.over.set()
    _, answer = await asking
    assert answer is not None
    assert answer["content"] == "it"


async def test_a_failed_send_gives_the_turn_on() -> None:
    consults = Questions()

    async def fails(_: Callable[[], None]) -> str:
        raise CallerError(Code.REFUSED, "no")

    for _ in range(2):
        with pytest.raises(CallerError):
            await consults.ask(GREY, fails, 10)
    assert not consults._lines
    assert not consults._questions


async def test_too_many_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "MOST_WAITING", 1)
    consults, sending = Questions(), Sending()
    asking = [asyncio.create_task(consults.ask(GREY, sending, 0)) for _ in range(2)]
    await sending.begun.wait()
    with pytest.raises(CallerError) as told:
        await consults.ask(GREY, sending, 0)
    assert told.value.code == -7
    sending.over.set()
    assert await consults.ask(MOMO, sending, 0) == ("sent", None)
    assert await asyncio.gather(*asking) == [("sent", None)] * 2


async def test_an_account_that_stops() -> None:
    consults, sending = Questions(), Sending()
    asking = [asyncio.create_task(consults.ask(GREY, sending, 300)) for _ in range(2)]
    await sending.begun.wait()
    sending.over.set()
    consults.give_up(CallerError(Code.NOT_RUNNING, "stopped"))
    for one in asking:
        with pytest.raises(CallerError) as told:
            await one
        assert told.value.code == -4
