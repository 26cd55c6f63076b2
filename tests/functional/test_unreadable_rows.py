"""Rows of the journal that are damaged, or another program's: they stop neither the account nor a page."""

import base64
import sqlite3
from contextlib import closing

import pytest

from openwx import store
from openwx.errors import Code
from openwx.service import JOURNAL
from openwx.simulator.samples import PNG
from openwx.store.records import NewSend, WriteBatch
from tests.memory_wechat import MemoryAccount

from .test_history import history
from .test_idempotency import keyed
from .visitor import Visitor
from .world import Gateway, Receiver, World

pytestmark = pytest.mark.in_memory

ACCOUNT = "/console/accounts/default"
DAMAGE = [b"{broken", b'{"content":"\xff"}', b'{"x":' + b"[" * 100_000, b"[]"]
DAMAGED = """
UPDATE uploads SET body = :damage WHERE instr(body, 'unreadable');
UPDATE keys SET value = :damage WHERE key = 'call' OR key LIKE 'outcome %';
UPDATE media SET value = :damage;
"""


@pytest.mark.parametrize("damage", DAMAGE, ids=range(len(DAMAGE)))
async def test_they_are_as_if_they_were_not(
    world: World,
    api: Gateway,
    account: MemoryAccount,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
    damage: bytes,
) -> None:
    friend, other = account.friend("小灰"), account.friend("momo")
    friend.says("readable")
    friend.says("unreadable, the newest")
    other.says("unreadable, the only one")
    await receiver.gets(3, post_type="receive_message")
    for key in ("call", "outcome"):
        assert (await keyed(api, key, content=f"of {key}")).code == 0
    data = base64.b64encode(PNG).decode()
    media_id = (await api.get("upload_media", media_data=data, media_name="a.png")).json["media_id"]
    await api.stop()
    with closing(sqlite3.connect(world.data_dir / JOURNAL, isolation_level=None)) as db:
        for statement in DAMAGED.strip().splitlines():
            assert db.execute(statement, {"damage": damage}).rowcount > 0
    async with store.open(world.data_dir / JOURNAL) as journal:
        send = NewSend(uid="accepted", body=damage)
        await journal.write(WriteBatch(account="default", sends=[send]))
    api = await world.start()
    await api.reaches("running")
    assert await history(api, displayname="小灰") == (["readable"], None)
    assert await history(api, displayname="小灰", q="readable") == (["readable"], None)
    assert await history(api, id=other.record.id) == ([], None)
    visitor = Visitor(api.url)
    async with visitor.http:
        for path in (
            "",
            "/chats",
            f"/chat?id={friend.record.id}",
            "/search?q=newest",
            "/deliveries",
        ):
            page = await visitor.open(f"{ACCOUNT}{path}")
            assert (page.status, "unreadable" in page.text) == (200, False), path
    unknown = await api.get("send_friend_message", id="filehelper", media_id=media_id)
    assert unknown.code == Code.NOT_FOUND
    sent = account.filehelper.texts
    for key in ("call", "outcome"):
        again = await keyed(api, key, content=f"of {key}")
        assert (again.status, again.code, "unknown" in again.words) == (504, Code.UNREACHABLE, True)
    assert account.filehelper.texts == sent == ["of call", "of outcome"]
    assert "default: the send accepted cannot be read any more" in caplog.text
