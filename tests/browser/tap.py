"""A relay in front of a gateway: it records the requests of a browser, and the statuses of the answers."""

import asyncio
import re
from collections import deque
from dataclasses import dataclass

from tests.patience import PATIENCE_S

_HEAD = re.compile(rb"(?:GET|POST|HEAD) (\S+) HTTP/1\.1\r\n(.*?)\r\n\r\n", re.DOTALL)
_ANSWER = re.compile(rb"HTTP/1\.1 (\d{3}) ")


@dataclass
class Asked:
    """One request and the status of its answer."""

    path: str
    headers: dict[str, str]
    """Their names are in small letters."""
    status: int


class Tap:
    """Listens at ``url`` and passes on, unchanged, to the gateway at ``goal``."""

    def __init__(self, goal: str) -> None:
        self._host, self._port = goal.removeprefix("http://").split(":")
        self.asked: list[Asked] = []
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Tap":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def answers(self, word: str) -> Asked:
        """Wait until a request with this word in its address has been answered."""

        def found() -> list[Asked]:
            return [one for one in self.asked if word in one.path]

        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(found)
        return found()[0]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        there, back = await asyncio.open_connection(self._host, self._port)
        pending: deque[tuple[str, dict[str, str]]] = deque()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._ask(reader, back, pending))
                tasks.create_task(self._answer(there, writer, pending))
        except* ConnectionError:
            pass
        finally:
            writer.close()
            back.close()

    async def _ask(
        self,
        reader: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        pending: deque[tuple[str, dict[str, str]]],
    ) -> None:
        while data := await reader.read(2**16):
            for path, lines in _HEAD.findall(data):
                split = (line.partition(": ") for line in lines.decode().split("\r\n"))
                pending.append((path.decode(), {name.lower(): value for name, _, value in split}))
            back.write(data)
            await back.drain()
        back.close()

    async def _answer(
        self,
        there: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        pending: deque[tuple[str, dict[str, str]]],
    ) -> None:
        while data := await there.read(2**16):
            if pending and (status := _ANSWER.match(data)):
                path, headers = pending.popleft()
                async with self._changed:
                    self.asked.append(Asked(path, headers, int(status[1])))
                    self._changed.notify_all()
            writer.write(data)
            await writer.drain()
        writer.close()
