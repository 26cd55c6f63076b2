"""Who owned which account when, as PostgreSQL noted it, and what the nodes called and wrote that was not theirs."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from .callbook import NotedCall

_NOTE = """
CREATE TABLE IF NOT EXISTS {schema}.noted_terms (
    account text, epoch bigint, node text, at double precision, PRIMARY KEY (account, epoch));
CREATE OR REPLACE FUNCTION {schema}.note_term() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO {schema}.noted_terms SELECT NEW.account, NEW.epoch, n.node, extract(epoch FROM clock_timestamp())
    FROM {schema}.nodes n WHERE n.incarnation = NEW.incarnation;
    RETURN NULL; END $$;
CREATE OR REPLACE TRIGGER note_term AFTER UPDATE ON {schema}.accounts FOR EACH ROW
    WHEN (OLD.epoch <> NEW.epoch) EXECUTE FUNCTION {schema}.note_term();
CREATE TABLE IF NOT EXISTS {schema}.noted_writes (account text, epoch bigint, owner text, writer text, unit bigint);
CREATE OR REPLACE FUNCTION {schema}.note_write() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE
    owner text := (SELECT node FROM {schema}.noted_terms WHERE account = NEW.account AND epoch = NEW.epoch);
    writer text := substr(current_setting('application_name'), length('openwx/') + 1);
BEGIN
    IF NEW.unit <= OLD.unit OR NEW.incarnation IS NULL OR owner <> writer THEN
        INSERT INTO {schema}.noted_writes VALUES (NEW.account, NEW.epoch, owner, writer, NEW.unit);
    END IF;
    RETURN NULL; END $$;
CREATE OR REPLACE TRIGGER note_write AFTER UPDATE OF unit ON {schema}.accounts FOR EACH ROW
    EXECUTE FUNCTION {schema}.note_write();
"""
"""Each claim, and each write that is not its owner's, or of a former term: of such a one the unit does not grow."""
_OWNED = """
SELECT a.account, a.epoch, n.node FROM {schema}.accounts a JOIN {schema}.nodes n USING (incarnation)
WHERE a.wanted"""


AT_ONCE_S = 0.5
"""So long after the end of a pause a call may arrive that left at that moment, in seconds."""


@dataclass(frozen=True, slots=True)
class Term:
    """A node began to own an account. ``at`` is a moment before its claim was committed, in Unix time."""

    account: str
    epoch: int
    node: str
    at: float


async def note(url: str, schema: str) -> None:
    """Have PostgreSQL note each claim from now on, and each write of another than the owner."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_NOTE.format(schema=schema))
    finally:
        await connection.close()


async def noted(url: str, schema: str) -> list[Term]:
    """Return the claims in their order."""
    sql = "SELECT account, epoch, node, at FROM {schema}.noted_terms ORDER BY account, epoch"
    return [Term(*row) for row in await _rows(url, schema, sql)]


async def owned(url: str, schema: str) -> dict[str, tuple[int, str]]:
    """Return the terms that last now, and their nodes, by account."""
    rows = await _rows(url, schema, _OWNED)
    return {account: (epoch, node) for account, epoch, node in rows}


async def strange_writes(url: str, schema: str) -> list[str]:
    """List the writes that were not the owner's, or of a former term."""
    sql = "SELECT account, epoch, owner, writer, unit FROM {schema}.noted_writes ORDER BY account, epoch, unit"
    return [
        f"{account}: {writer} wrote unit {unit} in the term {epoch}, which is one of {owner or 'another'}"
        for account, epoch, owner, writer, unit in await _rows(url, schema, sql)
    ]


async def _rows(url: str, schema: str, sql: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        rows: list[asyncpg.Record] = await connection.fetch(sql.format(schema=schema))
    finally:
        await connection.close()
    return rows


def moved(
    before: Mapping[str, tuple[int, str]], after: Mapping[str, tuple[int, str]]
) -> Iterator[str]:
    """List the accounts that were owned, and are not in the same term any more."""
    for account, (epoch, node) in before.items():
        now = after.get(account)
        if now is None or now[0] != epoch:
            yield f"{account} went from {node} to {now[1] if now else 'nobody'}"


def complaints(
    terms: Iterable[Term], calls: Sequence[NotedCall], continued: Mapping[str, Sequence[float]]
) -> list[str]:
    """List the calls of a term that came after the first call of a later one.

    ``continued``: when each node went on after a pause, in Unix time. One call may leave right then: it had passed the
    gate when the node was paused, and nothing can stop it.
    """
    claims = _by_account(terms)
    newest: dict[str, tuple[Term, NotedCall]] = {}
    left = {(node, at) for node, times in continued.items() for at in times}
    wrong: list[str] = []
    for call in calls:
        account = call.account
        own = _term_of(call, claims[account])
        if own is None:
            wrong.append(f"{account}: {call.node} called {call.path} and had never owned it")
            continue
        latest, first = newest.setdefault(account, (own, call))
        if own.epoch < latest.epoch:
            pauses = {
                one for one in left if one[0] == call.node and 0 <= call.at - one[1] <= AT_ONCE_S
            }
            left -= pauses
            if not pauses:
                late = f"{call.at - first.at:.3f} s after {latest.node} had begun"
                wrong.append(f"{account}: {call.node} called {call.path} {late}")
        elif own.epoch > latest.epoch:
            newest[account] = own, call
    return wrong


def late_calls(terms: Iterable[Term], calls: Iterable[NotedCall]) -> int:
    """Count the calls that a node made after the claim of the next owner had begun."""
    claims = _by_account(terms)
    late = 0
    for call in calls:
        newest = next((one for one in reversed(claims[call.account]) if one.at <= call.at), None)
        late += newest is not None and newest.node != call.node
    return late


def _by_account(terms: Iterable[Term]) -> Mapping[str, Sequence[Term]]:
    claims: defaultdict[str, list[Term]] = defaultdict(list)
    for term in terms:
        claims[term.account].append(term)
    return claims


def _term_of(call: NotedCall, terms: Sequence[Term]) -> Term | None:
    """Return the last term of the caller that began before the call."""
    return next(
        (one for one in reversed(terms) if one.node == call.node and one.at <= call.at), None
    )
