"""``/openapi.json``: the table of routes as an OpenAPI 3.1 document, for programs and for readers."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

import openwx
from openwx.errors import Code
from openwx.web import answers
from openwx.web.access import Access
from openwx.web.answers import Answer
from openwx.web.guard import guarded
from openwx.web.models import RESERVED, Call
from openwx.web.routing import METHODS, Image, LongPoll, Route

Schema = dict[str, Any]

_REF = "#/components/schemas/{name}"
_COMMON: dict[str, str] = {
    "client": "the name of an account; needed only where there are several",
    "callback": "the name of a function (JSONP), for pages of the origins that may call",
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
    replies = {kind: None for row in rows for kind in _alternatives(row.reply)}
    _, components = msgspec.json.schema_components(list(replies), ref_template=_REF)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "openwx",
            "version": openwx.__version__,
            "description": "A self-hosted HTTP gateway for a personal WeChat account. Parameters may be given in"
            " the query, as a form, as JSON or as multipart/form-data. An empty one counts as not given.",
        },
        "paths": {
            path: {method.lower(): _operation(row, method, path) for method in METHODS}
            for row in rows
            for path in row.paths
        },
        "components": {
            "schemas": {**components, "Failure": _ENVELOPE, "Upload": _UPLOAD},
            "responses": _failures(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "token": {"type": "apiKey", "in": "query", "name": "token"},
            },
        },
        "security": [{"bearer": []}, {"token": []}, {}],
    }


def _operation(row: Route, method: str, path: str) -> Schema:
    name = path.rpartition("/")[2]
    operation: Schema = {
        "operationId": name if method == "GET" else f"{method.lower()}_{name}",
        "summary": row.doc.partition("\n")[0],
        "description": row.doc,
        "tags": [row.handler.__module__.rpartition(".")[2]],
        "responses": _responses(row),
    }
    properties = {**_properties(row.model), **_common()}
    required = _required(row.model)
    if method == "GET":
        operation["parameters"] = [
            {
                "name": parameter,
                "in": "query",
                "required": parameter in required,
                "description": schema["description"],
                "schema": schema,
            }
            for parameter, schema in properties.items()
            if schema.get("format") != "binary"
        ]
        return operation
    texts = {n: s for n, s in properties.items() if s.get("format") != "binary"}
    body: Schema = {"type": "object", "properties": texts, "required": required}
    content = {kind: {"schema": body} for kind in ("application/json", _FORM)}
    content["multipart/form-data"] = {"schema": {**body, "properties": properties}}
    operation["requestBody"] = {"required": bool(required), "content": content}
    return operation


_FORM = "application/x-www-form-urlencoded"


def _common() -> dict[str, Schema]:
    return {name: {"type": "string", "description": what} for name, what in _COMMON.items()}


def _properties(model: type[Call] | None) -> dict[str, Schema]:
    """The parameters of a model: null is not one of their values, it is how one is not given."""
    if model is None:
        return {}
    schema = model.model_json_schema()
    return {
        name: _parameter(told, model.describe(name))
        for name, told in schema["properties"].items()
        if name not in RESERVED or name == "idempotency_key"
    }


def _parameter(told: Schema, description: str) -> Schema:
    kinds = [kind for kind in told.get("anyOf", [told]) if kind.get("type") != "null"]
    schema = {**kinds[0]} if len(kinds) == 1 else {"anyOf": kinds}
    schema.pop("title", None)
    if schema.get("default", told.get("default")) is None:
        schema.pop("default", None)
    schema["description"] = description
    return schema


def _required(model: type[Call] | None) -> list[str]:
    return [] if model is None else model.model_json_schema().get("required", [])


def _responses(row: Route) -> Schema:
    return {
        "200": {"description": "Done, or why it was not.", "content": _replies(row)},
        **{
            str(int(status)): {"$ref": f"#/components/responses/{status.name}"}
            for status in _FAILURES
        },
    }


def _failures() -> Schema:
    content = _json({"$ref": _REF.format(name="Failure")})
    return {
        status.name: {"description": words, "content": content}
        for status, words in _FAILURES.items()
    }


def _replies(row: Route) -> Schema:
    if row.reply is Image:
        return {"image/*": {}, **_json({"$ref": _REF.format(name="Failure")})}
    kinds = [*_schemas(row), {"$ref": _REF.format(name="Failure")}]
    return _json({"anyOf": kinds})


def _schemas(row: Route) -> Iterator[Schema]:
    if _waits(row.reply):
        yield {"type": "array", "items": {"$ref": _REF.format(name="Upload")}}
        return
    schemas, _ = msgspec.json.schema_components(_alternatives(row.reply), ref_template=_REF)
    yield from schemas


def _alternatives(reply: Any) -> list[Any]:
    """The types of which a reply is one; none where it is no JSON of ours."""
    if reply is Image or _waits(reply):
        return []
    return list(getattr(reply, "__args__", [reply])) if _is_union(reply) else [reply]


def _is_union(reply: Any) -> bool:
    return not isinstance(reply, type) and getattr(reply, "__origin__", None) is None


def _waits(reply: Any) -> bool:
    return getattr(reply, "__origin__", None) is LongPoll


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}, "application/javascript": {}}
