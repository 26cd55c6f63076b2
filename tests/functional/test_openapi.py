"""The OpenAPI document: valid, whole, and true of the server that tells it."""

import asyncio
import os
import random
from typing import Any

import hypothesis
import pytest
import schemathesis
from openapi_spec_validator import validate
from schemathesis import checks
from schemathesis.core.result import Ok

from openwx.simulator import Account
from openwx.web import app

from .world import Gateway, World

SEED = int(os.environ.get("OPENWX_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
EXAMPLES = int(os.environ.get("OPENWX_TEST_EXAMPLES", "6"))
"""Calls of each operation."""
LEFT_OUT = ("start_client", "stop_client")
"""They would end what is tested, or begin others; drawn at in the tests of single routes."""
WAITING = ("/openwx/check_event", "/openwx/consult")
"""A wrong call of these may be a right one without `timeout`: they then wait for long, as they should."""
PROMISES = (
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
)


async def told(gateway: Gateway) -> dict[str, Any]:
    async with gateway._http.get(f"{gateway.url}/openapi.json") as answer:
        assert answer.status == 200
        document: dict[str, Any] = await answer.json()
        return document


async def test_the_document_is_valid_and_has_every_route(world: World) -> None:
    document = await told(await world.start())
    await asyncio.to_thread(validate, document)
    paths = {path for row in app.routes() for path in row.paths}
    assert set(document["paths"]) == paths
    for row in app.routes():
        for method in ("get", "post"):
            operation = document["paths"][f"/openwx/{row.name}"][method]
            assert operation["summary"]
            named = {parameter["name"] for parameter in operation.get("parameters", ())}
            if method == "post":
                content = operation["requestBody"]["content"]
                named = set(content["multipart/form-data"]["schema"]["properties"])
            wanted = set(row.model.names()) if row.model else set()
            assert wanted - {"media"} <= named, row.name


async def test_the_document_is_for_the_hosts_that_may_call(world: World) -> None:
    gateway = await world.start()
    async with gateway._http.get(
        f"{gateway.url}/openapi.json", headers={"Host": "evil.example"}
    ) as answer:
        assert answer.status == 403


# The gateway draws from `random` in the loop's thread meanwhile, which hypothesis takes for the strategies'.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
async def test_the_server_keeps_to_its_document(api: Gateway, account: Account) -> None:
    """Calls drawn from the document, right and wrong ones: no answer is other than it says."""
    document = await told(api)
    for name in LEFT_OUT:
        del document["paths"][f"/openwx/{name}"]
    _wait_for_nothing(document)
    print(f"seed {SEED}")
    await asyncio.to_thread(_draw_calls, document, api.url)
    assert (await api.client())["state"] == "running"


def _wait_for_nothing(document: dict[str, Any]) -> None:
    for operations in document["paths"].values():
        for parameter in operations["get"]["parameters"]:
            if parameter["name"] == "timeout":
                parameter.update(schema={"const": 1}, required=True)
        for content in operations["post"]["requestBody"]["content"].values():
            if "timeout" in content["schema"]["properties"]:
                content["schema"]["properties"]["timeout"] = {"const": 1}
                content["schema"]["required"] = [*content["schema"]["required"], "timeout"]
                operations["post"]["requestBody"]["required"] = True


def _draw_calls(document: dict[str, Any], url: str) -> None:
    schema = schemathesis.openapi.from_dict(document)
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        right, wrong = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
        for mode in (right,) if operation.path in WAITING else (right, wrong):
            strategy = operation.as_strategy(generation_mode=mode)

            @hypothesis.seed(SEED)
            @hypothesis.settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                suppress_health_check=list(hypothesis.HealthCheck),
            )
            @hypothesis.given(case=strategy)
            def keeps_to_it(case: Any) -> None:
                response = case.call(base_url=url, timeout=30)
                case.validate_response(response, checks=PROMISES)

            keeps_to_it()
