"""``/openapi.json``: the table of routes as an OpenAPI 3.1 document, for programs and for readers."""

import functools
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec
from aiohttp import web

import openwx
from openwx.errors import Code
from openwx.web import answers
from openwx.web.access import Access
from openwx.web.answers import Answer
from openwx.web.guard import guarded
from openwx.web.models import RESERVED, Call
from openwx.web.routing import Image, LongPoll, Route

Schema = dict[str, Any]

_REF = "#/components/schemas/{name}"
_FORM = "application/x-www-form-urlencoded"
_COMMON: dict[str, Schema] = {
    name: {"type": "string", "description": what}
    for name, what in (
        ("client", "the name of an account; needed only where there are several"),
        ("callback", "the name of a function (JSONP), for pages of the origins that may call"),
    )
}
"""Parameters of every route besides the token (contract, section 1)."""
_FAILURES: dict[HTTPStatus, str] = {
    HTTPStatus.BAD_REQUEST: "A parameter is missing or wrong (code -2).",
    HTTPStatus.UNAUTHORIZED: "The token is missing or wrong (code -6).",
    HTTPStatus.FORBIDDEN: "This may not be done, or not from there (code -8).",
    HTTPStatus.NOT_FOUND: "There is no such thing now (code 100).",
    HTTPStatus.REQUEST_TIMEOUT: "The body did not come to its end in time (code -2).",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too big (code -2).",
    HTTPStatus.TOO_MANY_REQUESTS: "A queue is full (code -7); Retry-After says for how long.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The account does not run (code -4).",
    HTTPStatus.GATEWAY_TIMEOUT: "The outcome is unknown (code -1): it may have happened.",
}
_ENVELOPE: Schema = {
    "type": "object",
    "description": "Why something was not done.",
    "required": ["code", "status"],
    "properties": {
        "code": {
            "type": "integer",
            "description": "one of "
            + ", ".join(str(int(code)) for code in Code)
            + "; of a refused send its Ret",
        },
        "status": {"type": "string", "description": "the reason in plain words"},
    },
}
_UPLOAD: Schema = {
    "type": "object",
    "description": "A message or event, as it is uploaded to post_api.",
    "required": ["post_type"],
    "properties": {
        "post_type": {"enum": ["receive_message", "send_message", "event"]},
        "event": {"type": "string"},
    },
}


class OpenApi:
    """The handler. The document is made when it is first asked for."""

    def __init__(self, routes: Sequence[Route], access: Access) -> None:
        self._routes = routes
        self._access = access

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/openapi.json", guarded(self._access, self._tell))

    async def _tell(self, _: web.Request) -> Answer:
        return self._answer

    @functools.cached_property
    def _answer(self) -> Answer:
        return answers.success(document(self._routes))


def document(routes: Iterable[Route]) -> Schema:
    """The OpenAPI 3.1 document of these routes: each path with GET and with POST."""
    rows = list(routes)
    kinds = list(dict.fromkeys(kind for row in rows for kind in _alternatives(row.reply)))
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    schema_of = dict(zip(kinds, schemas, strict=True))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "openwx",
            "version": openwx.__version__,
            "description": "A self-hosted HTTP gateway for a personal WeChat account. Parameters may be given in"
            " the query, as a form, as JSON or as multipart/form-data. An empty one counts as not given.",
        },
        "paths": {path: item for row in rows for path, item in _paths(row, schema_of).items()},
        "components": {
            "schemas": {**components, "Failure": _ENVELOPE, "Upload": _UPLOAD},
            "responses": {
                status.name: {"description": words, "content": _json(_FAILURE)}
                for status, words in _FAILURES.items()
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "token": {"type": "apiKey", "in": "query", "name": "token"},
            },
        },
        "security": [{"bearer": []}, {"token": []}, {}],
    }


def _paths(row: Route, schema_of: dict[Any, Schema]) -> dict[str, Schema]:
    """What is at each path of a route: the same, but for its id."""
    properties, required = _parameters(row.model)
    texts = {n: schema for n, schema in properties.items() if schema.get("format") != "binary"}
    common = {
        "summary": row.doc.partition("\n")[0],
        "description": row.doc,
        "tags": [row.handler.__module__.rpartition(".")[2]],
        "responses": _responses(row, schema_of),
    }
    query = [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": schema["description"],
            "schema": schema,
        }
        for name, schema in texts.items()
    ]
    body: Schema = {"type": "object", "properties": texts, "required": required}
    content = {kind: {"schema": body} for kind in ("application/json", _FORM)}
    content["multipart/form-data"] = {"schema": {**body, "properties": properties}}
    return {
        path: {
            "get": {"operationId": name, **common, "parameters": query},
            "post": {
                "operationId": f"post_{name}",
                **common,
                "requestBody": {"required": bool(required), "content": content},
            },
        }
        for path in row.paths
        for name in [path.rpartition("/")[2]]
    }


def _parameters(model: type[Call] | None) -> tuple[dict[str, Schema], list[str]]:
    """The parameters of a route, and which of them are required."""
    if model is None:
        return _COMMON, []
    schema = model.model_json_schema()
    own = {
        name: _parameter(told, model.describe(name))
        for name, told in schema["properties"].items()
        if name not in RESERVED or name == "idempotency_key"
    }
    return {**own, **_COMMON}, schema.get("required", [])


def _parameter(told: Schema, description: str) -> Schema:
    """Null is not one of the values: it is how a parameter is not given."""
    kinds = [kind for kind in told.get("anyOf", [told]) if kind.get("type") != "null"]
    schema = {**kinds[0]} if len(kinds) == 1 else {"anyOf": kinds}
    schema.pop("title", None)
    if schema.get("default", told.get("default")) is None:
        schema.pop("default", None)
    schema["description"] = description
    return schema


def _responses(row: Route, schema_of: dict[Any, Schema]) -> Schema:
    return {
        "200": {"description": "Done, or why it was not.", "content": _replies(row, schema_of)},
        **{
            str(int(status)): {"$ref": f"#/components/responses/{status.name}"}
            for status in _FAILURES
        },
    }


def _replies(row: Route, schema_of: dict[Any, Schema]) -> Schema:
    if row.reply is Image:
        return {"image/*": {}, **_json(_FAILURE)}
    if get_origin(row.reply) is LongPoll:
        return _json({"anyOf": [{"type": "array", "items": _ref("Upload")}, _FAILURE]})
    return _json({"anyOf": [*(schema_of[kind] for kind in _alternatives(row.reply)), _FAILURE]})


def _alternatives(reply: Any) -> tuple[Any, ...]:
    """The types of which a reply is one; none where it is no JSON of ours."""
    origin = get_origin(reply)
    if reply is Image or origin is LongPoll:
        return ()
    return get_args(reply) if origin in (Union, UnionType) else (reply,)


def _ref(name: str) -> Schema:
    return {"$ref": _REF.format(name=name)}


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}, "application/javascript": {}}


_FAILURE = _ref("Failure")
