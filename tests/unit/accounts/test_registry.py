"""Which accounts come back after a restart."""

from pathlib import Path

import pytest

from openwx import store
from openwx.accounts import registry
from openwx.accounts.registry import AccountRegistry
from openwx.config import AccountSettings, Settings
from openwx.store.base import Journal
from openwx.store.records import AccountRecord


async def save_all(journal: Journal, kept: AccountRegistry) -> None:
    for name in {*kept.started, *kept.stopped, *kept.transports}:
        await registry.save(journal, kept, name)


async def test_it_is_kept(tmp_path: Path) -> None:
    kept = (
        AccountRegistry()
        .with_started("b", {"post_event": "1"})
        .with_started("c", {})
        .with_stopped("c")
    )
    async with store.open(tmp_path / "j") as journal:
        assert await registry.load(journal) == AccountRegistry()
        await save_all(journal, kept)
    async with store.open(tmp_path / "j") as journal:
        found = await registry.load(journal)
        assert {one.account: one.origin for one in await journal.accounts()} == {
            "b": "api", "c": "api",
        }  # fmt: skip
    assert found == kept
    accounts = dict(found.accounts({}))
    assert list(accounts) == ["b", "c"]
    assert accounts["b"].post_event
    assert found.stopped == ["c"]


async def test_a_chosen_transport_is_kept(tmp_path: Path) -> None:
    """It holds for an account of the configuration that names none, whatever is started and stopped later."""
    kept = AccountRegistry().with_transport("a", "ilink").with_started("b", {}).with_stopped("a")
    async with store.open(tmp_path / "j") as journal:
        await save_all(journal, kept)
        found = await registry.load(journal)
        settings = Settings(accounts={"a": AccountSettings(send_tries=7), "c": AccountSettings()})
        accounts = await registry.all_accounts(settings, journal)
    assert found == kept
    assert {name: one.transport for name, one in accounts.items()} == {
        "a": "ilink", "b": "web", "c": "web",
    }  # fmt: skip
    assert accounts["a"].send_tries == 7
    named = {"a": AccountSettings(transport="web")}
    assert found.configured(named) == named


async def test_an_account_that_the_configuration_took_over_keeps_both(tmp_path: Path) -> None:
    kept = AccountRegistry().with_started("a", {"post_event": "1"}).with_transport("a", "ilink")
    async with store.open(tmp_path / "j") as journal:
        await save_all(journal, kept)
        assert await registry.load(journal) == kept


async def test_what_cannot_be_read_is_dropped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of the account whose row it is: the others come back."""
    async with store.open(tmp_path / "j") as journal:
        await registry.save(journal, AccountRegistry().with_started("b", {}), "b")
        for name, settings in (("c", b'{"started_with":[1]}'), ("d", b"\xff"), ("e", b"")):
            record = AccountRecord(
                account=name, wanted=name != "c", settings=settings, origin="api"
            )
            await journal.save_account(record)
        found = await registry.load(journal)
    assert (found.started, found.stopped) == ({"b": {}}, ["c"])
    lines = [record.getMessage() for record in caplog.records]
    assert [line.partition(":")[0] for line in lines if "left out" in line] == ["c", "d"]


async def test_rows_that_are_missing_are_added(tmp_path: Path) -> None:
    one = AccountRegistry().with_transport("a", "ilink").with_started("b", {}).with_stopped("b")
    async with store.open(tmp_path / "j") as journal:
        await registry.save(journal, one, "b")
        gone = AccountRecord(account="gone", wanted=True, settings=b"", origin="config")
        await journal.save_account(gone)
        assert sorted(await registry.save_missing(journal, one, ["a", "b"])) == ["a", "b", "gone"]
        assert [found.account for found in await journal.accounts()] == ["a", "b", "gone"]
        found = await registry.load(journal)
    assert (found.started, found.stopped) == (one.started, one.stopped)
    assert found.transports == one.transports


def test_a_start_ends_a_stop_and_may_leave_the_settings() -> None:
    one = (
        AccountRegistry().with_started("b", {"post_event": "1"}).with_stopped("b").with_stopped("b")
    )
    assert one.stopped == ["b"]
    again = one.with_started("b", None)
    assert (again.started, again.stopped) == (one.started, [])
    assert one.with_started("b", {}).started == {"b": {}}


def test_the_configuration_wins_whatever_the_case(caplog: pytest.LogCaptureFixture) -> None:
    one = AccountRegistry().with_started("Shop", {}).with_started("home", {})
    assert [name for name, _ in one.accounts({"shop": AccountSettings()})] == ["home"]
    assert "Shop" in caplog.text


def test_settings_that_are_not_valid_any_more(caplog: pytest.LogCaptureFixture) -> None:
    one = AccountRegistry().with_started("b", {"login_mode": "phone"}).with_started("c", {})
    assert [name for name, _ in one.accounts({})] == ["c"]
    assert "login_mode" in caplog.text
