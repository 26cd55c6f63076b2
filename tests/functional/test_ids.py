"""Ids that this server draws: two are never one, however many are drawn at once, and whatever the clock does."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from openwx.simulator import Account, Simulator
from openwx.simulator.media import bytes_of

from .world import Gateway

FILES = 6


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock: all ids are drawn at the same time."""
    now_ns = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now_ns)


async def test_uploads_side_by_side(
    api: Gateway, account: Account, simulator: Simulator, tmp_path: Path, still: None
) -> None:
    """Each in several chunks, which come by turns."""
    contents = [bytes_of(1_200_000 + number, number) for number in range(FILES)]
    for number, content in enumerate(contents):
        (tmp_path / f"{number}.bin").write_bytes(content)
    replies = await asyncio.gather(
        *(
            api.get("upload_media", media_path=str(tmp_path / f"{number}.bin"))
            for number in range(FILES)
        )
    )
    assert [reply.code for reply in replies] == [0] * FILES, replies[0].words
    for reply, content in zip(replies, contents, strict=True):
        media_id = reply.json["media_id"].rpartition(":")[0]
        assert account.media[media_id].data == content
    asked = [
        json.loads(call.body["uploadmediarequest"])
        for call in simulator.calls_of("webwxuploadmedia")
    ]
    assert len({one["ClientMediaId"] for one in asked}) == FILES
    assert all(isinstance(one["ClientMediaId"], int) for one in asked)
    assert max(one["ClientMediaId"] for one in asked) < 2**53


async def test_messages_side_by_side(api: Gateway, account: Account, still: None) -> None:
    friends = [friend for friend in account.friends if friend.alias]
    assert len(friends) > 2
    replies = await asyncio.gather(
        *(
            api.post("send_friend_message", account=friend.alias, content=str(n))
            for n, friend in enumerate(friends)
        )
    )
    assert {reply.code for reply in replies} == {0}, replies[0].words
    assert len({heard.client_msg_id for heard in account.sent}) == len(friends)
    assert sorted(int(heard.text) for heard in account.sent) == list(range(len(friends)))
