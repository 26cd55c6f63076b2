"""Who owned which account when, as PostgreSQL noted it, and what of the nodes' calls was not theirs to make."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from .callbook import NotedCall

_NOTE = """
CREATE TABLE IF NOT EXISTS {schema}.noted_terms (account text, epoch bigint, node text, at double precision);
CREATE OR REPLACE FUNCTION {schema}.note_term() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO {schema}.noted_terms SELECT NEW.account, NEW.epoch, n.node, extract(epoch FROM clock_timestamp())
    FROM {schema}.nodes n WHERE n.incarnation = NEW.incarnation;
    RETURN NULL; END $$;
CREATE OR REPLACE TRIGGER note_term AFTER UPDATE ON {schema}.accounts FOR EACH ROW
    WHEN (OLD.epoch <> NEW.epoch) EXECUTE FUNCTION {schema}.note_term();
"""


@dataclass(frozen=True, slots=True)
class Term:
    """A node began to own an account. ``at`` is a moment before its claim was committed, in Unix time."""

    account: str
    epoch: int
    node: str
    at: float


async def note(url: str, schema: str) -> None:
    """Have PostgreSQL note each claim from now on."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_NOTE.format(schema=schema))
    finally:
        await connection.close()


async def noted(url: str, schema: str) -> list[Term]:
    """Return the claims in their order."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            f"SELECT account, epoch, node, at FROM {schema}.noted_terms ORDER BY account, epoch"  # noqa: S608 - ours
        )
    finally:
        await connection.close()
    return [Term(*row) for row in rows]


def complaints(terms: Iterable[Term], calls: Sequence[NotedCall]) -> list[str]:
    """List the calls of a term that came after the first call of a later one."""
    claims = _by_account(terms)
    newest: dict[str, tuple[Term, NotedCall]] = {}
    wrong: list[str] = []
    for call in calls:
        account = call.account
        own = _term_of(call, claims[account])
        if own is None:
            wrong.append(f"{account}: {call.node} called {call.path} and had never owned it")
            continue
        latest, first = newest.setdefault(account, (own, call))
        if own.epoch < latest.epoch:
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
