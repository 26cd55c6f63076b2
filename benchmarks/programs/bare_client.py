"""A bare aiohttp client that POSTs bodies concurrently and in no order: the baseline of the row ``burst``."""

import asyncio
import functools
from collections.abc import Iterator
from typing import Any

import aiohttp

from benchmarks.programs import commands


async def post_all(
    http: aiohttp.ClientSession, url: str, body: bytes, count: int, at_once: int
) -> dict[str, Any]:
    """POST the same body ``count`` times, ``at_once`` at a time."""
    headers = {"Content-Type": "application/json"}
    turns = iter(range(count))

    async def caller(turns: Iterator[int]) -> None:
        for _ in turns:
            async with http.post(url, data=body, headers=headers) as answer:
                await answer.read()
                answer.raise_for_status()

    await asyncio.gather(*(caller(turns) for _ in range(at_once)))
    return {}


async def do(http: aiohttp.ClientSession, what: dict[str, Any]) -> dict[str, Any]:
    return await post_all(http, what["url"], what["body"].encode(), what["count"], what["at_once"])


async def main() -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        print('{"ready": true}', flush=True)
        await commands.serve(functools.partial(do, http))


if __name__ == "__main__":
    asyncio.run(main())
