"""What is checked and made before a journal is used."""

import asyncio
import traceback
from pathlib import Path

import asyncpg
import pytest

from openwx import store
from openwx.store.base import JournalError, JournalUnavailable
from openwx.store.postgres import checks, schema
from openwx.store.postgres import journal as journal_module
from openwx.store.postgres.connections import Address
from openwx.store.postgres.journal import PostgresJournal
from openwx.store.records import WriteBatch
from tests import postgres
from tests.ports import free_port

from ..members import member


async def test_nodes_that_start_together_make_one_schema(address: Address) -> None:
    async def start(n: int) -> None:
        named = address._replace(node=f"n{n}")
        async with member(named, claims=[f"a{n}"]) as journal:
            await journal.write(WriteBatch(account=f"a{n}", state={"x": b"1"}))
            assert await journal.state(f"a{n}") == {"x": b"1"}

    await asyncio.gather(*map(start, range(6)))


async def test_the_schema_of_a_newer_version_is_refused(
    address: Address, operator: asyncpg.Connection
) -> None:
    async with PostgresJournal(address):
        pass
    await operator.execute("UPDATE version SET version = $1", schema.VERSION + 1)
    with pytest.raises(JournalError, match="written by a newer openwx"):
        async with PostgresJournal(address):
            pass


async def test_a_missing_file_of_the_address_is_named(address: Address, tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    url = f"{address.url}?sslmode=verify-full&sslrootcert={missing}"
    with pytest.raises(JournalUnavailable, match=f"No such file or directory: '{missing}'"):
        async with PostgresJournal(address._replace(url=url)):
            pass


async def test_a_role_that_may_create_nothing_uses_what_is_there(
    address: Address, operator: asyncpg.Connection
) -> None:
    async with PostgresJournal(address):
        pass
    role = f"reader_{address.schema}"
    await operator.execute(
        f"CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {address.schema} TO {role};"
        f"GRANT ALL ON ALL TABLES IN SCHEMA {address.schema} TO {role}"
    )
    theirs = address._replace(url=address.url.replace("postgres@", f"{role}@"))
    async with member(theirs) as journal:
        await journal.write(WriteBatch(account="me", reports=[], state={"a": b"1"}))
        assert await journal.state("me") == {"a": b"1"}
    with pytest.raises(JournalError, match="permission denied"):
        async with PostgresJournal(theirs._replace(schema="another")):
            pass


@pytest.mark.parametrize(
    ("settings", "words"),
    [(["fsync=off"], "fsync is off"), (["full_page_writes=off"], "full_page_writes is off")],
)
async def test_a_server_that_would_lose_writes_is_refused(settings: list[str], words: str) -> None:
    with postgres.for_test() as server:
        await asyncio.to_thread(server.create)
        await asyncio.to_thread(server.start, *settings)
        with pytest.raises(JournalError, match=words):
            async with PostgresJournal(Address(server.url)):
                pass


async def test_a_database_of_another_encoding_is_refused(
    address: Address, operator: asyncpg.Connection
) -> None:
    name = f"latin_{address.schema}"
    await operator.execute(
        f"CREATE DATABASE {name} ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'"
    )
    url = address.url.rpartition("/")[0] + f"/{name}"
    with pytest.raises(JournalError, match="LATIN1, not UTF8"):
        async with PostgresJournal(address._replace(url=url)):
            pass


@pytest.mark.parametrize("name", ["Openwx", "a-b", 'a"b', "1a", "", "x" * 64])
def test_a_schema_has_a_plain_name(name: str) -> None:
    with pytest.raises(JournalError, match="schema"):
        PostgresJournal(Address("postgresql://localhost/x", name))


async def test_the_schema_of_another_program_is_refused(
    address: Address, operator: asyncpg.Connection
) -> None:
    await operator.execute(
        f"CREATE SCHEMA {address.schema}; CREATE TABLE {address.schema}.version (version integer)"
    )
    with pytest.raises(JournalError, match="belongs to another program"):
        async with PostgresJournal(address):
            pass


def test_an_address_is_shown_without_its_secret() -> None:
    assert "secret" not in f"{Address('postgresql://me:secret@localhost/x')!r}"


async def test_the_words_of_a_wrong_url_are_not_shown_with_their_causes() -> None:
    url = "postgresql://me:pass:secret/word@localhost/x"
    with pytest.raises(JournalError) as refused:
        await Address(url).connect()
    assert "secret" not in "".join(traceback.format_exception(refused.value))


async def test_settings_of_a_role_do_not_change_how_it_writes(
    address: Address, operator: asyncpg.Connection
) -> None:
    role = f"strict_{address.schema}"
    await operator.execute(
        f"CREATE ROLE {role} LOGIN SUPERUSER;"
        f"ALTER ROLE {role} SET default_transaction_isolation = 'serializable';"
        f"ALTER ROLE {role} SET default_transaction_deferrable = on;"
        f"ALTER ROLE {role} SET standard_conforming_strings = off;"
        f"ALTER ROLE {role} SET client_min_messages = error;"
        f"ALTER ROLE {role} SET search_path = pg_catalog"
    )
    theirs = address._replace(url=address.url.replace("postgres@", f"{role}@"))
    async with member(theirs) as journal:
        await journal.write(WriteBatch(account="me", keys={"a": b"1", "a b": b"2", "a!": b"3"}))
        assert await journal.keys_of("me", "a") == {"a": b"1", "a b": b"2"}
    connection = await theirs.connect()
    assert await connection.fetchval("SHOW transaction_isolation") == "read committed"
    # What says that a standby did not confirm is a warning.
    assert await connection.fetchval("SHOW client_min_messages") == "notice"
    await connection.close()


async def test_a_server_that_is_not_there_may_come() -> None:
    port = free_port()
    with pytest.raises(JournalUnavailable) as refused:
        async with store.open(f"postgresql://me:secret@127.0.0.1:{port}/x"):
            pass
    assert "secret" not in str(refused.value)


async def test_a_server_that_connects_and_says_no_more_may_answer_later(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "_FACTS", "SELECT pg_sleep(8)")
    monkeypatch.setattr(journal_module, "READ_S", 0.1)
    with pytest.raises(JournalUnavailable, match="has not answered in time"):
        async with PostgresJournal(address):
            pass


@pytest.mark.parametrize(
    "url", ["postgresql://127.0.0.1:no/x", "postgresql://127.0.0.1/x?sslmode=no"]
)
async def test_a_wrong_url_is_no_matter_of_time(url: str) -> None:
    with pytest.raises(JournalError) as refused:
        async with store.open(url):
            pass
    assert not isinstance(refused.value, JournalUnavailable)


async def test_the_url_may_name_several_hosts_and_ask_for_the_one_that_is_written(
    address: Address,
) -> None:
    here = address.url.partition("@")[2].partition("/")[0]
    dead = f"127.0.0.1:{free_port()}"
    url = f"postgresql://postgres@{dead},{here}/postgres?target_session_attrs=read-write"
    async with member(address._replace(url=url)) as journal:
        await journal.write(WriteBatch(account="me", state={"a": b"1"}))
        assert await journal.state("me") == {"a": b"1"}


async def test_settings_hold_for_each_connection(
    journal: PostgresJournal, operator: asyncpg.Connection
) -> None:
    rows = await operator.fetch(
        "SELECT DISTINCT application_name FROM pg_stat_activity WHERE application_name LIKE 'openwx/%'"
    )
    assert [name for (name,) in rows] == ["openwx/openwx"]
    shown = {
        name: await operator.fetchval(f"SHOW {name}")
        for name in (
            *("synchronous_commit", "lock_timeout", "idle_in_transaction_session_timeout"),
            "tcp_keepalives_idle",
        )
    }
    assert list(shown.values()) == ["on", "3s", "5s", "30"]
