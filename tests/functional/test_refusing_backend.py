"""A backend that refuses everything is named by ``doctor``, ``status`` and ``/readyz``; one bad message makes none."""

import json
from typing import Any

import pytest

from openwx.simulator import Account
from tests.patience import until_seen

from .counting import shows
from .test_outbox import fails
from .typed import Typed
from .world import Gateway, Receiver, World


async def doctor(typed: Typed, world: World) -> tuple[int, dict[str, Any]]:
    """Exit code, and what it found of ``post_api`` that is wrong."""
    environ = {
        "OPENWX_LISTEN__PORT": "0",
        "OPENWX_REPORT__POST_API": world.receiver.url,
        "OPENWX_ACCOUNTS__DEFAULT__BASE_URL": world.simulator.url,
    }
    code, out, _ = await typed("doctor", "--json", **environ)
    findings = json.loads(out)["findings"]
    ill = [one for one in findings if one["about"] == "post_api" and one["level"] != "ok"]
    return code, ill[0] if ill else {}


async def refused(gateway: Gateway) -> dict[str, Any] | None:
    async with gateway._http.get(f"{gateway.url}/readyz") as answer:
        reply: dict[str, Any] = (await answer.json())["accounts"]["default"]
    return reply.get("refused")


async def test_one_that_has_never_taken_anything(
    typed: Typed, world: World, account: Account, receiver: Receiver
) -> None:
    """Also while the first one is tried for some fifteen seconds, and nothing has failed yet."""
    slowly = {"backoff_first_s": 3.0, "backoff_most_s": 3.0}
    gateway = await world.run(report={"post_event": False}, pace=slowly)
    receiver.fails(status=403)
    account.friend("小灰").says("first")
    await receiver.get(content="first")
    await shows(gateway, 1, "openwx_uploads_waiting", account="default", target="post_api")
    await until_seen(lambda: refused(gateway))
    code, found = await doctor(typed, world)
    assert (code, found["level"]) == (1, "problem")
    assert found["words"] == "default: post_api accepts nothing: HTTP 403 (the last delivery)"
    assert "see your backend's log" in found["advice"]
    receiver.behaves_well()
    account.friend("momo").says("second")
    await until_seen(lambda: refused(gateway), lambda one: not one)
    assert await doctor(typed, world) == (0, {})


async def test_one_that_used_to_take_them(
    typed: Typed, api: Gateway, world: World, account: Account, receiver: Receiver
) -> None:
    await fails(api, account, receiver, "poison")
    assert await refused(api) is None, "one message may be at fault itself"
    receiver.fails(status=500, post_type="receive_message")
    account.friend("momo").says("another")
    await receiver.gets(2, content="another")
    assert await refused(api) == {
        "target": "post_api",
        "count": 2,
        "error": "HTTP 500",
        "error_code": "http_status",
    }
    code, out, _ = await typed("status")
    assert (code, "; post_api accepts nothing: HTTP 500 (the last 2 deliveries)" in out) == (
        0,
        True,
    )
    code, found = await doctor(typed, world)
    assert (code, found["level"]) == (1, "problem")
    receiver.behaves_well()
    account.friend("momo").says("a third")
    await until_seen(lambda: refused(api), lambda one: not one)
    code, found = await doctor(typed, world)
    assert (code, found) == (0, {})


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_one_that_does_not_know_the_address(
    typed: Typed, world: World, account: Account, receiver: Receiver, status: int
) -> None:
    """Without a gateway that has tried, the question that is no report is all there is."""
    receiver.fails(status=status)
    code, found = await doctor(typed, world)
    assert (code, found["level"]) == (0, "warning")
    assert f"answers HTTP {status}" in found["words"]
    assert all(not report.json for report in receiver.reports)
