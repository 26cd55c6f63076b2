"""What callers are told, and what an account still does, when the store does not know, or has lost its lease."""

import asyncio
import os
from typing import Any

import pytest

from openwx import service, store
from openwx.domain.events import State
from openwx.errors import LeaseLost
from openwx.store.base import InDoubt
from openwx.store.records import AccountRecord, WriteBatch
from tests.memory_wechat import MemoryAccount
from tests.patience import PATIENCE_S
from tests.reply import Reply
from tests.unit.store.reports import a_message

from .visitor import Visitor
from .world import Gateway, Receiver, World

pytestmark = pytest.mark.in_memory

IN_DOUBT = InDoubt("the journal was closed before its disk answered")
LOST = LeaseLost("node-2 runs this account now")


def writes_raise(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, error: Exception, written: list[Any]
) -> None:
    """Have the gateway's journal raise this for all that is written from now on."""
    assert gateway.service is not None
    journal = gateway.service.gateway._resources.journal

    async def fails(what: Any) -> None:
        written.append(what)
        raise error

    monkeypatch.setattr(journal, "write", fails)
    monkeypatch.setattr(journal, "save_account", fails)


CALLS = {
    "send_friend_message": {"id": "filehelper", "content": "x", "async": "1"},
    "send_message": {"id": "filehelper", "content": "x", "idempotency_key": "k"},
    "start_client": {"client": "shop"},
    "outbox_drop": {"id": "all"},
    "outbox_retry": {"id": "all"},
}


async def answer_where(
    error: Exception, api: Gateway, monkeypatch: pytest.MonkeyPatch, call: str
) -> Reply:
    """Return the answer to a call whose write raises this, and is not repeated."""
    written: list[Any] = []
    writes_raise(api, monkeypatch, error, written)
    reply = await api.get(call, **CALLS[call])
    assert len(written) == 1, "it was repeated"
    return reply


@pytest.mark.parametrize("call", CALLS)
async def test_an_outcome_that_nobody_knows_is_told_as_unknown(
    api: Gateway, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    reply = await answer_where(IN_DOUBT, api, monkeypatch, call)
    assert (reply.status, reply.code) == (504, -1)
    assert reply.words == f"{IN_DOUBT}: the outcome is unknown"
    assert "not accepted" not in reply.words


@pytest.mark.parametrize("call", CALLS)
async def test_what_another_process_has_to_do_is_not_done(
    api: Gateway, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    reply = await answer_where(LOST, api, monkeypatch, call)
    assert (reply.status, reply.code, reply.headers["Retry-After"]) == (503, -4, "5")
    assert reply.words == f"not done: {LOST}"


@pytest.mark.parametrize("error", [IN_DOUBT, LOST])
async def test_an_account_ends_without_a_farewell(
    api: Gateway, account: MemoryAccount, receiver: Receiver, world: World,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception,
) -> None:  # fmt: skip
    """No report of its stop, nothing written, nothing repeated; and it is no bug."""
    assert api.service is not None
    own = api.service.gateway.account(None)
    written: list[Any] = []
    writes_raise(api, monkeypatch, error, written)
    account.friend("小灰").says("hi")
    async with asyncio.timeout(PATIENCE_S):
        await own.ended.wait()
    assert own.state is State.STOP
    assert len(written) == 1, "it was repeated"
    assert receiver.got(event="stop") == []
    assert "ends here, without its stop" in caplog.text
    assert "bug" not in caplog.text
    await api.stop()


@pytest.mark.parametrize(
    ("error", "status", "english", "chinese"),
    [
        (IN_DOUBT, 504, "Nobody knows whether this was done.", "不知道这项操作是否已经执行"),
        (LOST, 503, "is run by another process now", "现在由另一个进程运行"),
    ],
)
async def test_the_console_says_so_in_both_languages(
    api: Gateway, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int,
    english: str, chinese: str,
) -> None:  # fmt: skip
    writes_raise(api, monkeypatch, error, [])
    for language, words in (("en", english), ("zh", chinese)):
        visitor = Visitor(api.url, language)
        try:
            await visitor.open("/console/accounts/default/deliveries?state=failed")
            page = await visitor.submits("/console/accounts/default/deliveries/drop", id="all")
            await visitor.open("/console/accounts/default/chat?id=filehelper")
            form = {"form_key": visitor.here.form_key, "id": "filehelper", "content": "x"}  # type: ignore[union-attr]
            part = await visitor.ask(
                "POST", "/console/accounts/default/chat", data=form, headers={"HX-Request": "true"}
            )
        finally:
            await visitor.http.close()
        assert page.status == status
        assert words in part.text
        assert words in page.text
        assert str(error) in page.text


async def test_files_of_an_account_that_is_not_configured_any_more_stay(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as they are needed. Each account that runs gets its row, so that this holds for it later, too."""
    monkeypatch.setattr(service, "PRUNE_EVERY_S", 0.05)
    settings = world.settings()
    settings.media_dir.mkdir(parents=True)
    files = {name: settings.media_dir / name for name in ("gone", "nobody")}
    for file in files.values():
        file.write_bytes(b"x")
        os.utime(file, (0, 0))
    record = AccountRecord(account="gone", wanted=True, settings=b"", origin="config")
    async with store.open(world.data_dir / service.JOURNAL) as journal:
        await journal.save_account(record)
        waits = a_message(attachment=str(files["gone"]))
        await journal.write(WriteBatch(account="gone", reports=[waits]))
        assert [one.account for one in await journal.accounts()] == ["gone"]
    gateway = await world.start(settings=settings)
    async with asyncio.timeout(PATIENCE_S):
        while files["nobody"].exists():
            await asyncio.sleep(0.01)
    assert files["gone"].exists()
    await gateway.stop()
    async with store.open(world.data_dir / service.JOURNAL) as journal:
        assert [one.account for one in await journal.accounts()] == ["default", "gone"]
