"""The rows of accounts."""

from openwx.store.base import Journal
from openwx.store.records import AccountRecord, WriteBatch

from .conftest import Open

SHOP = AccountRecord(account="shop", wanted=True, settings=b'{"a":1}', origin="api")
HOME = AccountRecord(account="home", wanted=False, settings=b"", origin="config")


async def test_they_are_kept_by_name(reopen: Open) -> None:
    async with reopen() as journal:
        assert await journal.accounts() == []
        await journal.save_account(SHOP)
        await journal.save_account(HOME)
        assert await journal.accounts() == [HOME, SHOP]
    async with reopen() as journal:
        assert await journal.accounts() == [HOME, SHOP]


async def test_the_last_one_counts(journal: Journal) -> None:
    await journal.save_account(SHOP)
    changed = AccountRecord(account="shop", wanted=False, settings=b"\x00\xff", origin="config")
    await journal.save_account(changed)
    assert await journal.accounts() == [changed]


async def test_a_forgotten_one_leaves_what_it_wrote(journal: Journal) -> None:
    await journal.save_account(SHOP)
    await journal.save_account(HOME)
    await journal.write(WriteBatch(account="shop", state={"a": b"1"}))
    await journal.forget_account("shop")
    await journal.forget_account("shop")
    await journal.forget_account("nobody")
    assert await journal.accounts() == [HOME]
    assert await journal.state("shop") == {"a": b"1"}
