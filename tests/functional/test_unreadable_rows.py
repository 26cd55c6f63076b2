"""Rows of the journal that are damaged, or another program's: they stop neither the account nor a page."""

import base64
import sqlite3
from contextlib import closing

import msgspec
import pytest

from openwx import store
from openwx.config.contract import POST_API
from openwx.domain.media import MediaRef
from openwx.errors import Code
from openwx.service import JOURNAL
from openwx.simulator.samples import PNG
from openwx.store.records import NewSend, WriteBatch
from tests.memory_wechat import MemoryAccount
from tests.patience import until_seen

from .test_history import history, report, write
from .test_idempotency import keyed
from .visitor import Visitor
from .world import Gateway, Receiver, World, replies

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


@pytest.mark.parametrize("damage", DAMAGE, ids=range(len(DAMAGE)))
async def test_what_waits_is_reported_as_far_as_it_can_be_read(
    world: World, account: MemoryAccount, receiver: Receiver, damage: bytes
) -> None:
    """The chat of a reply, where a file is, or what was said is not known any more."""
    ref = msgspec.json.encode(MediaRef(kind="file", msg_id="1"))
    rows = {
        "a question": {"reply_to": damage},
        "[media]()": {"media": damage},
        "nothing": {"media": ref, "body": damage},
    }
    reports = [
        msgspec.structs.replace(report(content, chat=content), targets=(POST_API,), **row)
        for content, row in rows.items()
    ]
    await write(world, reports)
    receiver.behaves(replies("an answer"), content="a question")
    api = await world.run()
    await receiver.get(content="a question")
    media = await receiver.get(content="[media]()")
    assert "nobody knows any more" in media["media_error"]
    account.friend("小灰").says("hello")
    await receiver.get(content="hello")
    await api.stop()
    assert account.sent == []
    assert not receiver.got(content="nothing")


@pytest.mark.parametrize("damage", DAMAGE, ids=range(len(DAMAGE)))
async def test_a_report_that_waits_for_its_file_holds_up_nothing(
    world: World, api: Gateway, account: MemoryAccount, receiver: Receiver, damage: bytes
) -> None:
    friend = account.friend("小灰")
    friend.says("the first")
    await receiver.get(content="the first")
    await api.stop()
    with closing(sqlite3.connect(world.data_dir / JOURNAL, isolation_level=None)) as db:
        (chat,) = db.execute("SELECT chat FROM uploads WHERE instr(body, 'the first')").fetchone()
    ref = msgspec.json.encode(MediaRef(kind="file", msg_id="1"))
    held = report("held", chat=chat)
    await write(world, [msgspec.structs.replace(held, media=ref, body=damage, targets=(POST_API,))])
    api = await world.start()
    friend.says("the second")
    await receiver.get(content="the second")
    assert await history(api, displayname="小灰") == (["the first", "the second"], None)


async def test_a_delivery_that_cannot_be_read_is_shown_without_its_report(
    world: World, api: Gateway, account: MemoryAccount, receiver: Receiver
) -> None:
    receiver.fails(status=400)
    account.friend("小灰").says("refused")
    await until_seen(lambda: failed(api))
    await api.stop()
    with closing(sqlite3.connect(world.data_dir / JOURNAL, isolation_level=None)) as db:
        db.execute("UPDATE uploads SET body = ?", (DAMAGE[0],))
    api = await world.start()
    id_ = (await failed(api))[-1]
    shown = await api.get("outbox_show", id=id_)
    assert (shown.code, shown.json["upload"]) == (0, {})
    visitor = Visitor(api.url)
    async with visitor.http:
        assert (await visitor.open(f"{ACCOUNT}/delivery?id={id_}")).status == 200


async def failed(api: Gateway) -> list[str]:
    return [str(one["id"]) for one in (await api.get("outbox")).json["deliveries"]]
