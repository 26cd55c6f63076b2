"""The OpenAPI document: valid, complete, and true of the server."""

import asyncio
import os
import random
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate
from pydantic import TypeAdapter, ValidationError

from openwx.api import app
from openwx.api.models import Flag
from openwx.api.stream_models import Socket
from openwx.config import EVENTS
from openwx.errors import Code
from openwx.simulator import Account
from tests.how_many import how_many
from tests.unmeasured import draws

from .world import Gateway, Json, World

FORM = "application/x-www-form-urlencoded"

SEED = int(os.environ.get("OPENWX_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
EXAMPLES = int(os.environ.get("OPENWX_TEST_EXAMPLES", how_many(3, in_ci=6)))
"""Calls of each operation."""
LEFT_OUT = ("start_client", "stop_client")
"""They would end what is tested, or begin others; drawn at in the tests of single routes."""
WAITING = ("/openwx/check_event", "/openwx/consult")
"""A wrong call of these may be a right one without `timeout`: they then wait for long, as they should."""


async def document_of(gateway: Gateway) -> dict[str, Any]:
    async with gateway._http.get(f"{gateway.url}/openapi.json") as answer:
        assert answer.status == 200
        document: dict[str, Any] = await answer.json()
        return document


async def test_the_document_is_valid_and_has_every_route(world: World) -> None:
    document = await document_of(await world.start())
    await asyncio.to_thread(validate, document)
    paths = {path for row in app.routes() for path in row.paths}
    assert set(document["paths"]) == paths
    for row in app.routes():
        operations = document["paths"][f"/openwx/{row.name}"]
        assert set(operations) == ({"get"} if row.reply is Socket else {"get", "post"})
        for method, operation in operations.items():
            assert operation["summary"]
            named = {parameter["name"] for parameter in operation.get("parameters", ())}
            if method == "post":
                content = operation["requestBody"]["content"]
                named = set(content["multipart/form-data"]["schema"]["properties"])
            wanted = set(row.model.names()) if row.model else set()
            assert wanted - {"media"} <= named, row.name


def fits(document: Json, schema: Json, value: object) -> None:
    """Whether a value is as a schema of the document says."""
    whole = {**schema, "components": document["components"]}
    errors = [error.message for error in OAS31Validator(whole).iter_errors(value)]
    assert not errors, (value, errors)


def resolved(document: Json, stated: Json) -> Json:
    """Follow a reference of the document."""
    if "$ref" not in stated:
        return stated
    found = document
    for part in stated["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


def bodies(document: Json, content: Json) -> Iterator[tuple[Json, object]]:
    """Yield the examples of a request's or an answer's body, each with its schema."""
    for name, kind in content.items():
        for example in kind.get("examples", {}).values():
            # The schema of a stream is each event's.
            schema = {"type": "string"} if name == "text/event-stream" else kind["schema"]
            yield schema, resolved(document, example)["value"]


async def test_every_route_shows_calls_and_answers_in_every_style(world: World) -> None:
    document = await document_of(await world.start())
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert path in operation["description"], "a line of curl"
            if path == "/openwx/ws":
                assert "101" in operation["responses"]
                assert "openwx: {" in operation["description"], "what was said"
            else:
                done = resolved(document, operation["responses"]["200"])
                assert "`0`: done" in done["description"]
            for status, answer in operation["responses"].items():
                for schema, value in bodies(
                    document, resolved(document, answer).get("content", {})
                ):
                    fits(document, schema, value)
                    if status != "200":
                        assert isinstance(value, dict)
                        assert str(value["code"]) in resolved(document, answer)["description"]
        if "post" not in operations:
            continue
        styles = operations["post"]["requestBody"]["content"]
        assert set(styles) == {"application/json", FORM, "multipart/form-data"}
        for kind, style in styles.items():
            assert style["examples"] or kind != "multipart/form-data", path
        for schema, value in bodies(document, styles):
            fits(document, schema, value)
        for parameter in operations["get"]["parameters"]:
            if "example" in parameter:
                fits(document, parameter["schema"], parameter["example"])


async def test_every_code_is_at_the_routes_where_it_can_come(world: World) -> None:
    document = await document_of(await world.start())
    codes: dict[int, set[str]] = {}
    for path, operations in document["paths"].items():
        for answer in operations["get"]["responses"].values():
            for _, value in bodies(document, resolved(document, answer).get("content", {})):
                if isinstance(value, dict) and "code" in value:
                    codes.setdefault(value["code"], set()).add(path)
    # An unknown route is none of the document's.
    assert set(codes) == {int(code) for code in Code if code is not Code.NO_ROUTE} | {1205}
    everywhere = set(document["paths"])
    assert codes[-2] == codes[-6] == codes[-8] == everywhere
    assert codes[-4] == {
        path for row in app.routes() if not row.any_state for path in row.paths
    } | {"/openwx/start_client"}
    assert "/openwx/send_group_message" in codes[102]
    assert "/openwx/get_friend_info" not in codes[102]


async def test_every_report_is_a_webhook(world: World) -> None:
    document = await document_of(await world.start())
    hooks = document["webhooks"]
    assert {name.removeprefix("event: ") for name in hooks if name.startswith("event: ")} == set(
        EVENTS
    )
    fields = set(document["components"]["schemas"]["UploadedMessage"]["properties"])
    for name, hook in hooks.items():
        content = hook["post"]["requestBody"]["content"]
        assert content["application/json"]["examples"], name
        for schema, value in bodies(document, content):
            assert isinstance(value, dict)
            fits(document, schema, value)
            assert value["post_type"] == "event" or set(value) <= fields, name
    reply = hooks["message: text"]["post"]["responses"]["2XX"]["content"]
    assert {"reply", "media"} <= {key for _, value in bodies(document, reply) for key in value}  # type: ignore[attr-defined]


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
    document = await document_of(api)
    for name in LEFT_OUT:
        del document["paths"][f"/openwx/{name}"]
    _wait_for_nothing(document)
    _leave_out_what_ends_every_call(document)
    # Streams then end by themselves, once they have sent what is stored.
    assert api.service is not None
    api.service.gateway.account(None).stream.end("the test wants to see whole answers")
    print(f"seed {SEED}")
    await draws(_draw_calls, document, api.url)
    assert (await api.client())["state"] == "running"


def _wait_for_nothing(document: dict[str, Any]) -> None:
    for operations in document["paths"].values():
        for parameter in operations["get"]["parameters"]:
            if parameter["name"] == "timeout":
                parameter.update(schema={"const": 1}, required=True)
        for content in _bodies_of(operations):
            if "timeout" in content["schema"]["properties"]:
                content["schema"]["properties"]["timeout"] = {"const": 1}
                content["schema"]["required"] = [*content["schema"]["required"], "timeout"]
                operations["post"]["requestBody"]["required"] = True


def _bodies_of(operations: Json) -> list[Json]:
    """Of a path, in each style; none where it takes GET alone."""
    body: Json = operations.get("post", {}).get("requestBody", {}).get("content", {})
    return list(body.values())


def _leave_out_what_ends_every_call(document: dict[str, Any]) -> None:
    """JSONP is off, and a key that is there twice is refused: most calls would come to that, and to nothing more."""
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["parameters"] = [
                one
                for one in operation["parameters"]
                if one["in"] == "query" and one["name"] not in ("datatype", "callback")
            ]
        for content in _bodies_of(operations):
            for name in ("datatype", "callback"):
                content["schema"]["properties"].pop(name, None)


def _is_strict(case: Any) -> bool:
    """Return whether a drawn call asks for an HTTP status that tells. The body wins over the query, as in openwx."""
    given: Json = {}
    for part in (case.query, case.body):
        if isinstance(part, dict):
            given |= part
    try:
        return TypeAdapter(Flag).validate_python(str(given.get("strict", "0")))
    except ValidationError:
        return False  # refused for that


def _draw_calls(document: dict[str, Any], url: str) -> None:
    import schemathesis  # takes long to import
    from schemathesis import checks
    from schemathesis.core.result import Ok

    promises = (
        checks.not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
    )
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
                is_refusal = response.status_code == 502 and _is_strict(case)  # by WeChat
                case.validate_response(response, checks=promises[is_refusal:])

            keeps_to_it()
