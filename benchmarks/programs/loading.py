"""Loads groups with members, for the row ``members``: ``python -m benchmarks.programs.loading HOW FOLDER COUNT``.

``openwx`` loads the answers as a login does; ``pydantic`` only parses the same fields into models. Prints the memory of
a record, the time to load, and the time of a full garbage collection.
"""

import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import machine


def openwx() -> Callable[[bytes], Any]:
    from benchmarks.people import OWN_ID
    from openwx.domain.contacts import User
    from openwx.transports.web import wire
    from openwx.transports.web.contacts import WebContacts

    contacts = WebContacts(User(id=OWN_ID))

    def load(body: bytes) -> WebContacts:
        reply = wire.decode("webwxbatchgetcontact", body, wire.BatchContactReply)
        records, _ = wire.each(reply.ContactList, wire.Contact)
        for record in records:
            contacts.put_group(record)
        return contacts

    return load


def pydantic() -> Callable[[bytes], Any]:
    from pydantic import BaseModel, Field

    class Member(BaseModel):
        account: str = Field("", alias="Alias")
        name: str = Field("", alias="NickName")
        markname: str = Field("", alias="RemarkName")
        sex: int = Field(0, alias="Sex")
        display: str = Field("", alias="DisplayName")
        city: str = Field("", alias="City")
        signature: str = Field("", alias="Signature")
        province: str = Field("", alias="Province")
        id: str = Field(alias="UserName")
        uid: int | str = Field("", alias="Uin")
        displayname: str = ""

    class Group(BaseModel):
        name: str = Field("", alias="NickName")
        id: str = Field(alias="UserName")
        room_id: str = Field("", alias="EncryChatRoomId")
        members: list[Member] = Field(alias="MemberList")

    class Answer(BaseModel):
        groups: list[Group] = Field(alias="ContactList")

    loaded: list[Group] = []

    def load(body: bytes) -> list[Group]:
        loaded.extend(Answer.model_validate_json(body).groups)
        return loaded

    return load


def main(how: str, folder: Path, count: int) -> None:
    load = {"openwx": openwx, "pydantic": pydantic}[how]()
    files = sorted(folder.glob("*.json"))
    gc.collect()
    before = machine.memory_kb(_own())
    wall_s = cpu_s = 0.0
    loaded = None
    for file in files:
        body = file.read_bytes()
        wall, cpu = time.perf_counter(), time.thread_time()
        loaded = load(body)
        wall_s += time.perf_counter() - wall
        cpu_s += time.thread_time() - cpu
        del body
    collections = []
    for _ in range(5):
        cpu = time.thread_time()
        gc.collect()
        collections.append(time.thread_time() - cpu)
    measured = {
        "bytes": (machine.memory_kb(_own()) - before) * 1024 / count,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "collect_s": sorted(collections)[2],
    }
    assert loaded
    print(json.dumps(measured), flush=True)


def _own() -> int:
    import os

    return os.getpid()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
