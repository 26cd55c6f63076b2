"""``openwx outbox``: look at failed deliveries, send them again, or drop them.

Through the API of the server that runs with this configuration; where none does, in its journal itself.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import msgspec

from openwx import service
from openwx.config import Settings
from openwx.errors import CallerError, ConfigError
from openwx.gateway.outbox import Outbox
from openwx.report.journal import Journal, JournalError, ListedUpload

ALL = "all"
TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=5)


async def run(
    settings: Settings, command: str, ids: Sequence[int] | None, client: str | None, *, state: str
) -> int:
    """Do a command (``list``, ``show``, ``retry`` or ``drop``) and print what comes of it; the exit code.

    ``ids`` None: all. Raises ``ConfigError`` where neither the server nor its journal can be had.
    """
    try:
        answer = await _ask_server(settings, command, ids, client, state)
    except aiohttp.ClientConnectorError:
        answer = await _ask_journal(settings, command, ids, client, state)
    if answer.get("code") != 0:
        print(f"openwx: {answer.get('status')}", file=sys.stderr)
        return 1
    _show(answer)
    return 0


async def _ask_server(
    settings: Settings, command: str, ids: Sequence[int] | None, client: str | None, state: str
) -> dict[str, Any]:
    listen = settings.listen[0]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listen.host, listen.host)  # noqa: S104
    url = listen.model_copy(update={"host": host}).url
    parameters = {"client": client} if client else {}
    if command == "list":
        parameters |= {"state": state, "limit": "1000"}
    else:
        parameters["id"] = ALL if ids is None else ",".join(map(str, ids))
    headers = {"Authorization": f"Bearer {settings.access.token}"} if settings.access.token else {}
    route = "outbox" if command == "list" else f"outbox_{command}"
    # Our own server, on this machine: its certificate is for the name that others use.
    async with (
        aiohttp.ClientSession(timeout=TIMEOUT, headers=headers) as http,
        http.post(f"{url}/openwx/{route}", data=parameters, ssl=False) as response,
    ):
        answer: dict[str, Any] = await response.json()
        return answer


async def _ask_journal(
    settings: Settings, command: str, ids: Sequence[int] | None, client: str | None, state: str
) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        data_dir = service.data_folder(settings.data_dir, stack)
        try:
            journal = await stack.enter_async_context(Journal(data_dir / service.JOURNAL))
            box = Outbox(_account(settings, client), journal)
            return await _do(box, command, ids, state)
        except JournalError as error:
            raise ConfigError(f"data_dir {data_dir}: {error}") from error
        except CallerError as error:
            return {"code": error.code, "status": error.status}


def _account(settings: Settings, client: str | None) -> str:
    names = list(settings.accounts)
    if client is None and len(names) > 1:
        raise ConfigError(f"--client is missing: there are several accounts: {', '.join(names)}")
    return client or names[0]


async def _do(box: Outbox, command: str, ids: Sequence[int] | None, state: str) -> dict[str, Any]:
    match command:
        case "list":
            listed = await (box.failed() if state == "failed" else box.waiting())
            return {"code": 0, "deliveries": [_told(upload) for upload in listed]}
        case "show":
            upload, body = await box.show((ids or [0])[0])
            return {"code": 0, "delivery": _told(upload), "upload": msgspec.json.decode(body)}
        case "retry":
            return {"code": 0, "count": await box.retry(ids)}
        case _:
            return {"code": 0, "count": await box.drop(ids)}


def _told(upload: ListedUpload) -> dict[str, Any]:
    return {
        "id": upload.id,
        "kind": upload.kind,
        "created": int(upload.created),
        "tries": upload.tries,
        "http_status": upload.status,
        "error": upload.error,
    }


def _show(answer: dict[str, Any]) -> None:
    if "deliveries" in answer:
        for one in answer["deliveries"]:
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one["created"]))
            print(f"{one['id']:>8}  {when}  {one['kind']:<16} {one['tries']} tries  {one['error']}")
        if not answer["deliveries"]:
            print("nothing")
    elif "upload" in answer:
        print(json.dumps(answer["upload"], ensure_ascii=False, indent=2))
    else:
        print(f"{answer['count']} done")


def main(
    settings: Settings, command: str, ids: Sequence[int] | None, client: str | None, state: str
) -> int:
    """Run it to its end."""
    return asyncio.run(run(settings, command, ids, client, state=state))
