"""Assembles the document: what is common to all routes, and the parts that other modules make.
``OpenApi`` serves it.
"""

from collections.abc import Iterable
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

import openwx
from openwx.api.openapi import descriptions
from openwx.api.openapi.operations import paths
from openwx.api.openapi.responses import FAILURE, own_responses, shared_examples, shared_responses
from openwx.api.openapi.webhooks import UPLOAD_SCHEMAS, webhooks
from openwx.api.routing import ImageReply, LongPoll, Route
from openwx.api.stream_models import EventStream, Listing, Socket

Schema = dict[str, Any]

_REF = "#/components/schemas/{name}"
_MESSAGE = _REF.format(name="UploadedMessage")


def document(routes: Iterable[Route]) -> Schema:
    """Make the OpenAPI 3.1 document of these routes: each path with GET and with POST."""
    order = list(descriptions.TOPICS)
    rows = sorted(
        routes, key=lambda row: order.index(row.topic) if row.topic in order else len(order)
    )
    kinds = list(dict.fromkeys(kind for row in rows for kind in _alternatives(row.reply)))
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    if "History" in components:
        components["History"]["properties"]["messages"]["items"] = {"$ref": _MESSAGE}
    schema_of = dict(zip(kinds, schemas, strict=True))
    replies = {row.name: [schema_of[kind] for kind in _alternatives(row.reply)] for row in rows}
    responses = {
        name: response for row in rows for name, response in own_responses(row, replies[row.name])
    }
    topics = dict.fromkeys(row.topic for row in rows)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "openwx",
            "version": openwx.__version__,
            "description": descriptions.ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "tags": [
            *(
                {"name": topic, "description": descriptions.TOPICS.get(topic, "")}
                for topic in topics
            ),
            *({"name": name, "description": what} for name, what in descriptions.UPLOADS.items()),
        ],
        "paths": {path: item for row in rows for path, item in paths(row, responses).items()},
        "webhooks": webhooks(),
        "components": {
            "schemas": {**components, "Failure": FAILURE, **UPLOAD_SCHEMAS},
            "responses": {**shared_responses(), **responses},
            "examples": shared_examples(),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The configured `access.token`, or that of a key in `[[access.keys]]`, as the header"
                    " `Authorization: Bearer TOKEN`. Each route names the scope that a key needs.",
                },
                "token": {
                    "type": "apiKey",
                    "in": "query",
                    "name": "token",
                    "description": "The same as a parameter, for programs that cannot set a header.",
                },
            },
        },
        "security": [{"bearer": []}, {"token": []}, {}],
    }


def _alternatives(reply: Any) -> tuple[Any, ...]:
    """Return the JSON types of which a reply is one; none for pictures and streams."""
    if reply in (ImageReply, EventStream, Socket):
        return ()
    if get_origin(reply) not in (Union, UnionType):
        return (reply,)
    return tuple(
        kind for kind in get_args(reply) if kind is not Listing and get_origin(kind) is not LongPoll
    )
