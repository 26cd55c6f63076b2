"""A ``post_api`` in a process of its own."""

import asyncio
import json

from benchmarks.receiver import Receiver


async def main() -> None:
    async with Receiver() as receiver:
        print(json.dumps({"url": receiver.url}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
