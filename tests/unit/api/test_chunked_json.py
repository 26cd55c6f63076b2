"""A list in pieces is the same JSON."""

import asyncio
from typing import Any

import msgspec
import pytest

from openwx.api.chunked_json import CHUNK, ChunkedJson

LONG = "长" * (CHUNK // 3)


async def streamed(pieces: ChunkedJson) -> list[bytes]:
    return [piece async for piece in pieces.stream()]


@pytest.mark.parametrize("items", [[], [1], [1, "二", {"three": [3]}], ["x" * 1000] * 10])
def test_a_short_list_is_whole(items: list[Any]) -> None:
    assert ChunkedJson(items, msgspec.json.encode).complete == msgspec.json.encode(items)


@pytest.mark.parametrize(
    "items",
    [
        list(range(100_000)),
        [LONG] * 3,
        ["short", LONG, "short"],
        [LONG * 2],
        [LONG * 2, 1],
        [{"name": f"成员{n}", "group": n} for n in range(5_000)],
    ],
)
async def test_a_long_list_comes_in_pieces(items: list[Any]) -> None:
    pieces = ChunkedJson(items, msgspec.json.encode)
    assert pieces.complete is None
    came = await streamed(pieces)
    assert b"".join(came) == msgspec.json.encode(items)
    biggest = max(len(msgspec.json.encode(item)) for item in items)
    assert max(map(len, came)) <= 4 * CHUNK + biggest


async def test_others_have_their_turn_between_two_pieces() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    came = await streamed(ChunkedJson(list(range(500_000)), msgspec.json.encode))
    task.cancel()
    assert turns >= len(came) - 1 > 10
