"""A ``post_api`` in a process of its own, which answers each command with the number of reports received."""

import asyncio
import json
from typing import Any

from benchmarks.programs import commands
from benchmarks.receiver import Receiver


async def main() -> None:
    async with Receiver() as receiver:
        print(json.dumps({"url": receiver.url}), flush=True)

        async def count(_: dict[str, Any]) -> dict[str, Any]:
            return {"count": receiver.count}

        await commands.serve(count)


if __name__ == "__main__":
    asyncio.run(main())
