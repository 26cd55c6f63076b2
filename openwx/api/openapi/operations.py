"""Describes the calls of routes: each parameter in every style, and recorded calls as examples.
``document`` calls it.
"""

import shlex
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlencode

import msgspec

from openwx.api.callers import Scope
from openwx.api.models import RESERVED, STRICT, RequestModel
from openwx.api.openapi import descriptions
from openwx.api.openapi.examples import Recorded
from openwx.api.openapi.responses import answers_of, responses_of
from openwx.api.routing import Route
from openwx.api.statuses import Strictness
from openwx.api.stream_models import EventStream, Socket

Schema = dict[str, Any]

_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"
_MULTIPART = "multipart/form-data"
_LONG_LINE = 250
"""Length from which on parameters are shown in a body only."""
_HERE = "http://127.0.0.1:3000"
_COMMON: dict[str, Schema] = {
    "client": {
        "type": "string",
        "description": "the name of an account; needed only where there are several",
    },
    "datatype": {
        "type": "string",
        "enum": ["jsonp"],
        "description": "a script that calls `callback` with the answer, for pages of the origins that may call",
    },
    "callback": {"type": "string", "description": "with `datatype=jsonp`: the name of a function"},
    STRICT: {"type": "boolean", "description": Strictness.describe(STRICT)},
}
"""Parameters of every route besides the token (contract, section 1)."""


def paths(row: Route, responses: Iterable[str]) -> dict[str, Schema]:
    """Describe each path of a route; they differ in the id only. ``responses`` are the routes' own, by name."""
    properties, required = _parameters(row.model)
    done = [one for one in answers_of(row) if one.code == 0]
    names = set(responses)
    roles = [row.scope.word]
    common = {
        "summary": row.doc.partition("\n")[0],
        "tags": [row.topic],
        "security": [{"bearer": roles}, {"token": roles}, {}],
    }
    headers = _headers(row, done)
    operations = {}
    for path in row.paths:
        name = path.rpartition("/")[2]
        get = {
            "operationId": name,
            **common,
            "description": _described(row, _in_the_query(row, path, done)),
            "parameters": [*_query(properties, required, done), *headers],
            "responses": responses_of(row, "get", names),
        }
        post = {
            "operationId": f"post_{name}",
            **common,
            "description": _described(row, _in_the_body(path, done)),
            "parameters": headers,
            "requestBody": _body(properties, required, done),
            "responses": responses_of(row, "post", names),
        }
        operations[path] = {"get": get} if row.reply is Socket else {"get": get, "post": post}
    return operations


# -- parameters ------------------------------------------------------------------------------------------


def _parameters(model: type[RequestModel] | None) -> tuple[dict[str, Schema], list[str]]:
    """Return the parameters of a route, and which of them are required."""
    if model is None:
        return _COMMON, []
    schema = model.model_json_schema()
    own = {
        name: _parameter(schema_of, model.describe(name))
        for name, schema_of in schema["properties"].items()
        if name not in RESERVED or name == "idempotency_key"
    }
    return {**own, **_COMMON}, schema.get("required", [])


def _parameter(own: Schema, description: str) -> Schema:
    """Make the schema of a parameter, without null, which stands for an absent one."""
    kinds = [kind for kind in own.get("anyOf", [own]) if kind.get("type") != "null"]
    schema = {**kinds[0]} if len(kinds) == 1 else {"anyOf": kinds}
    schema.pop("title", None)
    if schema.get("default", own.get("default")) is None:
        schema.pop("default", None)
    schema["description"] = description
    return schema


def _texts(properties: dict[str, Schema]) -> dict[str, Schema]:
    """Return the parameters that are no files."""
    return {name: schema for name, schema in properties.items() if schema.get("format") != "binary"}


def _query(
    properties: dict[str, Schema], required: list[str], done: list[Recorded]
) -> list[Schema]:
    """Make the parameters of the query, with the values of the first example without a file."""
    shown = next((one.call for one in done if not one.file), {})
    parameters = []
    for name, schema in _texts(properties).items():
        parameter: Schema = {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": schema["description"],
            "schema": schema,
        }
        if name in shown:
            parameter["example"] = _typed(schema, shown[name])
        parameters.append(parameter)
    return sorted(parameters, key=lambda one: (not one["required"], "example" not in one))


def _headers(row: Route, done: list[Recorded]) -> list[Schema]:
    """Make the headers that a route reads: those of its examples."""
    given = {name: value for one in done for name, value in one.headers.items()}
    return [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": descriptions.REQUEST_HEADERS[name],
            "schema": {"type": "string"},
            "examples": {"given": {"value": value}},
        }
        for name, value in given.items()
    ]


def _body(properties: dict[str, Schema], required: list[str], done: list[Recorded]) -> Schema:
    texts = _texts(properties)
    plain: Schema = {"type": "object", "properties": texts, "required": required}
    with_files: Schema = {**plain, "properties": properties}
    without = [one for one in done if not one.file]
    return {
        "required": bool(required),
        "content": {
            _JSON: {"schema": plain, "examples": _bodies(texts, without)},
            _FORM: {"schema": plain, "examples": _bodies(texts, without)},
            _MULTIPART: {"schema": with_files, "examples": _bodies(properties, done)},
        },
    }


def _bodies(properties: dict[str, Schema], done: Iterable[Recorded]) -> Schema:
    return {
        f"example_{number}": {
            "summary": one.about,
            "value": {
                **{
                    name: _typed(properties.get(name, {}), value)
                    for name, value in one.call.items()
                },
                **({"media": one.file} if one.file else {}),
            },
        }
        for number, one in enumerate(done, 1)
    }


def _typed(schema: Schema, text: str) -> Any:
    """Convert a text to the type of its parameter."""
    match schema.get("type"):
        case "integer" | "number":
            return int(text) if text.isdecimal() else float(text)
        case "boolean":
            return text == "1"
        case _:
            return text


# -- as lines of curl ------------------------------------------------------------------------------------


def _described(row: Route, lines: Iterable[str]) -> str:
    doc = f"{row.doc}\n\n{_scope_words(row)}"
    if row.reply is Socket:
        return "\n".join((doc, "", descriptions.SOCKET, "", "```", *_conversation(row), "```"))
    more = (descriptions.STREAM, "") if row.reply is EventStream else ()
    return "\n".join((doc, "", *more, "```sh", *lines, "```"))


def _scope_words(row: Route) -> str:
    words = f"Needs a key of the scope `{row.scope.word}`"
    if row.reads_with:
        words += f", or with `{row.reads_with}` of the scope `{Scope.READ.word}`"
    return f"{words}, where keys are configured."


def _conversation(row: Route) -> Iterator[str]:
    """Yield the messages over a socket, line by line."""
    for one in answers_of(row):
        if one.code == 0:
            yield f"# {one.about}: {row.paths[0]}?{urlencode(one.call)}"
            for said in one.answer:
                for who, message in said.items():
                    yield f"{who}: {msgspec.json.encode(message).decode()}"


def _in_the_query(row: Route, path: str, done: Iterable[Recorded]) -> list[str]:
    lines = []
    for one in done:
        if one.file:
            continue
        query = f"?{urlencode(one.call)}" if one.call else ""
        if len(query) > _LONG_LINE:
            continue
        flag = "-N " if row.reply is EventStream else ""
        given = flag + _options("-H", (f"{name}: {value}" for name, value in one.headers.items()))
        lines += [f"# {one.about}", f"curl {given}{shlex.quote(f'{_HERE}{path}{query}')}"]
    return lines


def _in_the_body(path: str, done: list[Recorded]) -> list[str]:
    """Make curl lines: the first example in each style, and those with a file."""
    url = f"{_HERE}{path}"
    lines = []
    first = next((one for one in done if not one.file), None)
    if first is not None:
        call = first.call
        pairs = [f"{name}={value}" for name, value in call.items()]
        data = msgspec.json.encode(call).decode()
        lines = [
            f"# {first.about}: as a form, as JSON, as multipart",
            f"curl {_options('--data-urlencode', pairs)}{'' if pairs else '-X POST '}{url}",
            f"curl {_options('-H', [f'Content-Type: {_JSON}'])}-d {shlex.quote(data)} {url}",
        ]
        if pairs:
            lines.append(f"curl {_options('-F', pairs)}{url}")
    for one in done:
        if one.file:
            pairs = [f"{name}={value}" for name, value in one.call.items()]
            parts = [*pairs, f"media=@{one.file}"]
            lines += [f"# {one.about}", f"curl {_options('-F', parts)}{url}"]
    return lines


def _options(flag: str, values: Iterable[str]) -> str:
    return "".join(f"{flag} {shlex.quote(value)} " for value in values)
