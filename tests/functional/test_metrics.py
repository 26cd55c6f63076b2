"""``/metrics``: each count is provoked as it happens, and read as Prometheus reads it."""

import asyncio
import contextlib
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from openwx import metrics
from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.media import PNG
from tests.patience import PATIENCE_S, until_seen

from .counting import Counts, ask, gauge, samples, shows
from .streaming import event_source
from .world import Api, Gateway, Receiver, World, replies

ACCOUNT = {"account": "default"}
DOCUMENT = Path(__file__).parents[2] / "docs/metrics.md"


# -- formats and access ----------------------------------------------------------------------------------


async def test_both_formats(gateway: Gateway) -> None:
    text = await ask(gateway)
    assert text.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert text.headers["Cache-Control"] == "no-store"
    wanted = "application/openmetrics-text; version=1.0.0,text/plain;q=0.5"
    other = await ask(gateway, headers={"Accept": wanted})
    assert other.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert other.body.endswith(b"# EOF\n")
    families = open_metrics(other.body.decode())  # type: ignore[no-untyped-call]
    read = {family.name: family.type for family in families}
    assert read["openwx_requests"] == "counter"
    assert read["openwx_delivery_latency_seconds"] == "histogram"
    assert read["openwx_account_state"] == "gauge"


async def metrics_of(gateway: Api) -> dict[str, tuple[str, set[str]]]:
    """Return the kind and the labels of each metric that is shown."""
    reply = await ask(gateway)
    shown = {}
    for family in text_string_to_metric_families(reply.body.decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        shown[name] = (family.type, labels)
    return shown


def listed_in(document: str) -> dict[str, tuple[str, set[str]]]:
    """Return the kind and the labels of each metric that is described."""
    found = re.findall(
        r"^\| `(\w+)` \| (counter|gauge|histogram) \| (.*?) \|", document, re.MULTILINE
    )
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in found}


async def test_the_document_lists_every_metric_and_every_kind(gateway: Gateway) -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    described, of_nodes, others = re.split(
        r"^## (?:Of nodes|What is dropped)$", document, flags=re.MULTILINE
    )
    found = listed_in(described)
    shown = await metrics_of(gateway)
    assert not listed_in(others)
    assert not listed_in(of_nodes).keys() & shown.keys()
    on_linux = {name for name in found if name.startswith("process_")} <= shown.keys()
    if not on_linux:
        found = {name: row for name, row in found.items() if not name.startswith("process_")}
    assert found.keys() == shown.keys()
    for name, (kind, labels) in shown.items():
        # What nothing was counted of yet shows no labels.
        assert found[name][0] == kind, name
        assert labels in (found[name][1], set()), name
    kinds = re.findall(r"^\| `(\w+)` \| ([^|]+) \|$", document, re.MULTILINE)
    assert dict(kinds[-len(metrics.KINDS) :]) == metrics.KINDS


async def test_the_token_is_asked_for(world: World) -> None:
    settings = world.settings()
    access = settings.access.model_copy(update={"token": "secret"})
    gateway = await world.start(settings=settings.model_copy(update={"access": access}))
    wrong: list[Any] = [
        {},
        {"params": {"token": "wrong"}},
        {"headers": {"Authorization": "Bearer x"}},
    ]
    for how in wrong:
        refused = await ask(gateway, **how)
        assert (refused.status, refused.code) == (401, -6)
        assert refused.headers["WWW-Authenticate"] == "Bearer"
    right: list[Any] = [
        {"params": {"token": "secret"}},
        {"headers": {"Authorization": "Bearer secret"}},
    ]
    for how in right:
        assert b"openwx_info" in (await ask(gateway, **how)).body


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example.com"}, {"Origin": "https://evil.example.com"}]
)
async def test_host_and_origin_are_judged(gateway: Gateway, headers: dict[str, str]) -> None:
    reply = await ask(gateway, headers=headers)
    assert (reply.status, reply.code) == (403, -8)


# -- callers ---------------------------------------------------------------------------------------------


async def test_requests_by_route_and_code(api: Gateway) -> None:
    counts = await Counts.begin(api)
    await api.get("get_user_info")
    await api.post("get_user_info")
    await api.get("get_friend_info", client="nobody")
    await api.get("send_friend_message", id="@none", content="x")
    await ask(api, "/healthz")
    for number in range(50):
        await api.get(f"nonsense{number}")
    reader, writer = await asyncio.open_connection(*api.url.removeprefix("http://").split(":"))
    writer.write(b"this is no HTTP\r\n\r\n")
    await reader.read()
    writer.close()
    name = "openwx_requests_total"
    assert await counts.of(name, route="get_user_info", code="0") == 2
    assert await counts.of(name, route="get_friend_info", code="-2") == 1
    assert await counts.of(name, route="send_friend_message", code="100") == 1
    assert await counts.of(name, route="/healthz", code="0") == 1
    assert await counts.of(name, route="other", code="-9") == 50
    assert await counts.of(name, route="other", code="-2") == 1
    assert await counts.of(name, route="/metrics", code="0") > 5
    routes = {dict(labels).get("route", "") for _, labels in await samples(api)}
    assert not [route for route in routes if "nonsense" in route]


@pytest.mark.parametrize(("ret", "code"), [(1205, "1205"), (1204, "other"), (3, "201")])
async def test_sends_by_code(api: Gateway, simulator: Simulator, ret: int, code: str) -> None:
    counts = await Counts.begin(api)
    assert (await api.get("send_friend_message", id="filehelper", content="x")).code == 0
    simulator.faults.add("webwxsendmsg", Fault.RET, ret=ret, times=1)
    await api.get("send_friend_message", id="filehelper", content="x")
    await counts.grows(1, "openwx_sends_total", code="0", **ACCOUNT)
    await counts.grows(1, "openwx_sends_total", code=code, **ACCOUNT)
    assert await counts.of("openwx_send_retries_total", **ACCOUNT) == 0


async def test_retries_of_sends(api: Gateway, simulator: Simulator) -> None:
    counts = await Counts.begin(api)
    simulator.faults.add("webwxsendmsg", Fault.DROP, times=2)
    assert (await api.get("send_friend_message", id="filehelper", content="x")).code == 0
    await counts.grows(2, "openwx_send_retries_total", **ACCOUNT)
    await counts.grows(1, "openwx_sends_total", code="0", **ACCOUNT)


# -- from WeChat to post_api -----------------------------------------------------------------------------


async def test_received_by_post_type_and_format(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    counts = await Counts.begin(api)
    friend = account.friend("小灰")
    friend.says("one")
    friend.says("two")
    friend.sends_image(PNG)
    friend.sends_link("a link")
    account.phone.says(friend, "three")
    await api.get("send_friend_message", id="filehelper", content="not received")
    await receiver.gets(6)
    name = "openwx_received_total"
    for post_type, kind, number in (
        ("receive_message", "text", 2),
        ("receive_message", "media", 1),
        ("receive_message", "app", 1),
        ("send_message", "text", 1),
    ):
        assert await counts.of(name, post_type=post_type, format=kind, **ACCOUNT) == number


async def test_deliveries_their_retries_and_their_latency(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    counts = await Counts.begin(api)
    receiver.fails(2, status=503, content="delivered")
    receiver.fails(status=400, content="refused")
    account.friend("小灰").says("delivered")
    account.friend("momo").says("refused")
    await counts.grows(1, "openwx_deliveries_total", target="post_api", fate="delivered", **ACCOUNT)
    await counts.grows(1, "openwx_deliveries_total", target="post_api", fate="failed", **ACCOUNT)
    await counts.grows(2 + 4, "openwx_delivery_retries_total", target="post_api", **ACCOUNT)
    name = "openwx_delivery_latency_seconds"
    assert await counts.of(f"{name}_count", target="post_api", **ACCOUNT) == 1
    assert await counts.of(f"{name}_sum", target="post_api", **ACCOUNT) < PATIENCE_S
    assert await counts.of(f"{name}_bucket", target="post_api", le="60.0", **ACCOUNT) == 1


async def test_the_latency_counts_from_the_time_that_wechat_gives(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    counts = await Counts.begin(api)
    account.friend("小灰").sends(1, "old", CreateTime=1_500_000_000)
    account.friend("小灰").sends(1, "without a time", CreateTime=0)
    account.friend("小灰").sends(1, "from the future", CreateTime=5_000_000_000)
    await counts.grows(3, "openwx_deliveries_total", target="post_api", fate="delivered", **ACCOUNT)
    name = "openwx_delivery_latency_seconds"
    assert await counts.of(f"{name}_count", target="post_api", **ACCOUNT) == 2, "one has no time"
    assert await counts.of(f"{name}_bucket", target="post_api", le="0.5", **ACCOUNT) == 1
    assert await counts.of(f"{name}_bucket", target="post_api", le="86400.0", **ACCOUNT) == 1
    assert await counts.of(f"{name}_sum", target="post_api", **ACCOUNT) > 200_000_000


# -- accounts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ret", [1100, 1101, 1102])
async def test_session_ends_by_reason(
    api: Gateway, account: Account, receiver: Receiver, ret: int
) -> None:
    counts = await Counts.begin(api)
    account.end_session(ret)
    await account.phone.sees_push_login()
    account.phone.confirm()
    await receiver.get(event="login")
    ends = {
        reason: await counts.of("openwx_session_ends_total", reason=reason, **ACCOUNT)
        for reason in ("1100", "1101", "1102", "refused")
    }
    assert ends == {reason: float(reason == str(ret)) for reason in ends}


async def test_a_refused_login(world: World, account: Account) -> None:
    account.refuse_login()
    gateway = await world.start()
    counts = await Counts.begin(gateway)
    with contextlib.suppress(AssertionError):  # the process may be gone before it is asked
        await account.phone.logs_in()
    await counts.grows(1, "openwx_session_ends_total", reason="refused", **ACCOUNT)
    await shows(gateway, 1, "openwx_account_state", state="stop", **ACCOUNT)


async def test_states_and_the_age_of_the_sync(
    world: World, account: Account, simulator: Simulator
) -> None:
    gateway = await world.start()
    name = "openwx_account_state"
    await shows(gateway, 1, name, state="scaning", **ACCOUNT)
    assert await gauge(gateway, name, state="running", **ACCOUNT) == 0
    age = ("openwx_sync_age_seconds", frozenset(ACCOUNT.items()))
    assert age not in await samples(gateway), "there was none yet"
    await account.phone.logs_in()
    await shows(gateway, 1, name, state="running", **ACCOUNT)
    assert await gauge(gateway, name, state="scaning", **ACCOUNT) == 0
    assert 0 <= await gauge(gateway, *age[:1], **ACCOUNT) < PATIENCE_S
    simulator.faults.add("*", Fault.DROP)
    # A poll is held for half a second here: beyond that, no round has succeeded.
    await until_seen(lambda: gauge(gateway, *age[:1], **ACCOUNT), lambda age_s: age_s >= 1.5)


async def test_what_waits(
    world: World, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    gateway = await world.run(send_interval=60)
    await receiver.gets(event="state_change", params=["updating", "running"])
    names = ("openwx_sends_waiting", "openwx_uploads_waiting", "openwx_media_waiting")
    target = {"openwx_uploads_waiting": {"target": "post_api"}}
    for name in names:
        await shows(gateway, 0, name, **ACCOUNT, **target.get(name, {}))
    receiver.fails(status=503)
    hanging = simulator.faults.add("webwxgetmsgimg", Fault.HANG)
    for _ in range(3):
        await gateway.get("send_friend_message", id="filehelper", content="x", **{"async": "1"})
    account.friend("小灰").sends_image(PNG)
    account.friend("小灰").says("behind the picture")
    account.friend("momo").says("waits")
    await shows(gateway, 2, "openwx_sends_waiting", **ACCOUNT)
    await shows(gateway, 2, "openwx_uploads_waiting", target="post_api", **ACCOUNT)
    await shows(gateway, 1, "openwx_media_waiting", **ACCOUNT)
    hanging.release()
    await shows(gateway, 0, "openwx_media_waiting", **ACCOUNT)
    await shows(gateway, 4, "openwx_uploads_waiting", target="post_api", **ACCOUNT)
    receiver.behaves_well()
    await shows(gateway, 0, "openwx_uploads_waiting", target="post_api", **ACCOUNT)


async def test_accounts_that_ended_long_ago_are_forgotten(
    world: World, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Accounts that start and stop under ever new names do not make ever more labels."""
    monkeypatch.setattr(metrics, "KEPT_ENDED", 2)
    gateway = await world.run()
    for number in range(5):
        name = f"brief{number}"
        assert (await gateway.get("start_client", client=name)).code == 0
        assert gateway.service is not None
        started = gateway.service.gateway.account(name)
        started.stop()
        await started.ended.wait()
    shown = {dict(labels).get("account") for _, labels in await samples(gateway)}
    assert {name for name in shown if name and name.startswith("brief")} == {"brief3", "brief4"}
    assert "default" in shown
    assert (await gateway.get("start_client", client="brief0")).code == 0
    await shows(gateway, 0, "openwx_account_state", account="brief0", state="stop")


async def test_replies_are_sends_too(api: Gateway, account: Account, receiver: Receiver) -> None:
    counts = await Counts.begin(api)
    receiver.behaves(replies("pong"), content="ping")
    account.friend("小灰").says("ping")
    await receiver.get(content="pong")
    await counts.grows(1, "openwx_sends_total", code="0", **ACCOUNT)


async def test_open_streams_are_counted(api: Gateway) -> None:
    await shows(api, 0, "openwx_streams")
    async with event_source(api):
        await shows(api, 1, "openwx_streams")
    await shows(api, 0, "openwx_streams")
