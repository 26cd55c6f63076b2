"""Which store an address opens."""

from collections.abc import Callable
from pathlib import Path

import pytest

from openwx import store
from openwx.store.base import JournalError
from openwx.store.records import WriteBatch


@pytest.mark.parametrize(
    "location",
    [
        lambda path: path,
        str,
        lambda path: f"sqlite://{path}",
        lambda path: f"sqlite://{str(path).replace(' ', '%20')}",
    ],
)
async def test_a_path_and_a_url_open_the_same_journal(
    tmp_path: Path, location: Callable[[Path], str | Path]
) -> None:
    path = tmp_path / "my journal.db"
    async with store.open(path) as journal:
        await journal.write(WriteBatch(account="me", state={"a": b"1"}))
    async with store.open(location(path)) as journal:
        assert await journal.state("me") == {"a": b"1"}


@pytest.mark.parametrize("url", ["redis://host/0", "sqlite://host/file"])
def test_an_unknown_url_is_refused(url: str) -> None:
    with pytest.raises(JournalError, match=url.partition(":")[0]):
        store.open(url)
