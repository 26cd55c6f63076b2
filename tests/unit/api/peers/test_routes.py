"""Every route of the table is answered by the node that owns the account, whichever node is called."""

import re
from typing import Any

import pytest

from openwx.api import elsewhere
from openwx.api.app import routes
from openwx.api.routing import Route
from tests.reply import Reply

from .nodes import OneNode

STREAMS = {"events", "ws"}
OF_ACCOUNTS = [row for row in routes() if row.needs_account and row.name not in STREAMS]
PARAMETERS: dict[str, dict[str, str]] = {
    "send_friend_message": {"id": "@a", "content": "早"},
    "send_group_message": {"id": "@@g", "content": "hello"},
    "get_history": {"limit": "1"},
    "verify_code": {"code": "1234"},
}


def timeless(reply: Reply) -> bytes:
    """Return an answer without how long its account has run."""
    return re.sub(rb'"runtime":[0-9]+', b"", reply.body)


def kept(reply: Reply) -> dict[str, str]:
    """Return the headers that a node hands on."""
    names = {"Content-Type", "X-Content-Type-Options", "Content-Length", "Retry-After", "ETag"}
    return {name: value for name, value in reply.headers.items() if name in names}


def params_of(row: Route) -> dict[str, str]:
    return {"timeout": "0", **PARAMETERS.get(row.name, {}), "client": "bob"}


@pytest.mark.parametrize("row", OF_ACCOUNTS, ids=lambda row: row.name)
async def test_every_route(row: Route, a: OneNode, b: OneNode) -> None:
    """By both methods, and with the account in the body."""
    for method, place in (("GET", "params"), ("POST", "params"), ("POST", "data")):
        how: dict[str, Any] = {"method": method, place: params_of(row)}
        there = await b.call(row.name, **how)
        here = await a.call(row.name, **how)
        assert (here.status, timeless(here)) == (there.status, timeless(there)), (method, place)
        assert kept(here) == kept(there), (method, place)


async def test_a_call_looks_at_its_own_account_alone(
    a: OneNode, b: OneNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it costs does not grow with the number of accounts."""

    def all_of(_: object) -> None:
        raise AssertionError("a call has looked at all accounts")

    monkeypatch.setattr(elsewhere, "all_of", all_of)
    assert (await a.get("get_user_info", client="bob")).status == 200
