"""Reads ``/metrics`` as Prometheus does. The counters are the process's: what a test did is their growth."""

import asyncio
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from openwx import metrics
from tests.patience import PATIENCE_S, until_seen
from tests.reply import Reply

from .world import Api, Gateway

WAITING = "openwx_uploads_waiting"
Sample = tuple[str, frozenset[tuple[str, str]]]


async def ask(gateway: Api, path: str = "/metrics", **request: Any) -> Reply:
    async with gateway._http.get(f"{gateway.url}{path}", **request) as answer:
        return Reply(answer.status, await answer.read(), dict(answer.headers))


async def samples(gateway: Gateway, name: str = "") -> dict[Sample, float]:
    """Every sample with its labels; those of one name where it is given, which takes less time to read."""
    reply = await ask(gateway)
    assert reply.status == 200
    text = reply.body.decode()
    if name:
        text = "".join(line for line in text.splitlines(keepends=True) if line.startswith(name))
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@dataclass
class Counts:
    """What a gateway has counted since ``begin``."""

    gateway: Gateway
    former: dict[Sample, float]

    @classmethod
    async def begin(cls, gateway: Gateway) -> "Counts":
        """From now on, when what came before is delivered."""
        await until_seen(lambda: samples(gateway, WAITING), lambda seen: not sum(seen.values()))
        return cls(gateway, await samples(gateway))

    @staticmethod
    def now() -> dict[Sample, float]:
        """Read the counters of the process before there is a gateway to ask."""
        found = [sample for family in metrics.REGISTRY.collect() for sample in family.samples]
        return {(one.name, frozenset(one.labels.items())): one.value for one in found}

    async def of(self, name: str, **labels: str) -> float:
        """How much a counter has grown."""
        key = (name, frozenset(labels.items()))
        return (await samples(self.gateway, name)).get(key, 0.0) - self.former.get(key, 0.0)

    async def grows(self, by: float, name: str, **labels: str) -> None:
        """Wait until it has grown by so much, and no more."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while (grown := await self.of(name, **labels)) < by:
            late = asyncio.get_running_loop().time() > deadline
            assert not late, f"{name} {labels} has grown by {grown}, not by {by}"
            await asyncio.sleep(0.01)  # nothing tells that something was counted
        assert grown == by, f"{name} {labels} has grown by {grown}, not by {by}"

    async def dropped(self) -> dict[str, float]:
        """Return how much was dropped, by kind; kinds without drops are left out."""
        after = await samples(self.gateway, "openwx_dropped_total")
        return {
            dict(labels)["what"]: value - self.former.get((name, labels), 0.0)
            for (name, labels), value in after.items()
            if value != self.former.get((name, labels), 0.0)
        }


async def gauge(gateway: Gateway, name: str, **labels: str) -> float:
    return (await samples(gateway, name))[name, frozenset(labels.items())]


async def shows(gateway: Gateway, value: float, name: str, **labels: str) -> None:
    """Wait until a gauge shows this."""
    await until_seen(lambda: gauge(gateway, name, **labels), lambda shown: shown == value)
