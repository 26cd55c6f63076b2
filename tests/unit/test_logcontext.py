"""What lines of the log are about: ``openwx/logcontext.py``."""

import asyncio

import pytest

from openwx.logcontext import also, begin, bind, current


async def test_a_task_begins_anew_and_its_parent_keeps_its_own() -> None:
    async def call() -> dict[str, str | int]:
        begin(route="get_user_info")
        also(key="token")
        return dict(current())

    begin(route="subscribe", account="work")
    assert await asyncio.create_task(call()) == {"route": "get_user_info", "key": "token"}
    assert current() == {"route": "subscribe", "account": "work"}


async def test_what_is_added_within_a_block_ends_with_it() -> None:
    begin(route="send_friend_message")
    with bind(webhook_id="msg_1"):
        also(account="work")
        assert current() == {
            "route": "send_friend_message",
            "webhook_id": "msg_1",
            "account": "work",
        }
    assert current() == {"route": "send_friend_message"}


async def test_nothing_is_added_where_nothing_began() -> None:
    async def stray() -> None:
        also(account="work")

    with pytest.raises(LookupError):
        await asyncio.create_task(stray())
    assert current() == {}
