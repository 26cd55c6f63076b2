"""Describes the answers of routes: each outcome with its code, its meaning and recorded examples.
``document`` and ``operations`` call it.
"""

from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Any, get_args

from openwx.api import statuses
from openwx.api.openapi import descriptions
from openwx.api.openapi.examples import Recorded, everywhere, of_topic
from openwx.api.routing import ImageReply, Route
from openwx.api.stream_models import KINDS, STREAM_EVENTS, EventStream, Listing, Socket

Schema = dict[str, Any]

_JSON = "application/json"
FAILURE: Schema = {
    "type": "object",
    "description": "Why something was not done.",
    "required": ["code", "status"],
    "properties": {
        "code": {
            "type": "integer",
            "description": "; ".join(
                f"{code}: {what}" for code, what in descriptions.CODES.items() if code
            )
            + f"; else {descriptions.RET}",
        },
        "status": {"type": "string", "description": "the reason in plain words"},
        "candidates": {
            "type": "array",
            "description": "with code 102: those with this name",
            "items": {
                "type": "object",
                "required": ["id", "displayname"],
                "properties": {"id": {"type": "string"}, "displayname": {"type": "string"}},
            },
        },
        "ret": {"type": "integer", "description": "with code 201: WeChat's number"},
        "errmsg": {"type": "string", "description": "with code 201: WeChat's text, if any"},
        "state": {"type": "string", "description": "with code -4: the state of the account"},
        "state_reason": {"type": "string", "description": "with code -4: why it is not running"},
        "transport": {"type": "string", "description": "with code -10: how it reaches WeChat"},
        "capability": {"type": "string", "description": "with code -10: what that lacks"},
        "right": {"const": False, "description": "with code 201 of verify_code: wrong digits"},
    },
}
_EVENT: Schema = {
    "type": "object",
    "description": "One event of the stream. `id` is what to go on after.",
    "required": ["event", "data"],
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9]+$"},
        "event": {
            "enum": [*(kind for kind in KINDS if kind != "event"), *STREAM_EVENTS],
            "description": "receive_message, send_message or the name of an event; `missed`: some are no longer"
            " available; `end`: the stream ends here",
        },
        "data": {
            "type": "string",
            "contentMediaType": _JSON,
            "contentSchema": {
                "anyOf": [
                    {"$ref": "#/components/schemas/Upload"},
                    {
                        "type": "object",
                        "description": "with `missed` and `end`",
                        "required": ["reason", "after"],
                        "properties": {
                            "reason": {"type": "string"},
                            "after": {"type": "integer"},
                            "upto": {"type": "integer"},
                        },
                    },
                ]
            },
        },
    },
}
SHARED = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.NOT_IMPLEMENTED,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
"""Statuses that are the same for all routes that have them."""
_FIRST_RET = 1000
_JSONP = "application/javascript"


def answers_of(row: Route) -> list[Recorded]:
    return of_topic(row.topic).get(row.name, [])


def success_of(row: Route) -> HTTPStatus:
    return HTTPStatus.SWITCHING_PROTOCOLS if row.reply is Socket else HTTPStatus.OK


def shared_examples() -> dict[str, Schema]:
    return {_key(one): _example(one) for status in SHARED for one in everywhere(status)}


def shared_responses() -> dict[str, Schema]:
    return {status.name: _failure(status, everywhere(status), []) for status in SHARED}


def own_responses(row: Route, replies: Sequence[Schema]) -> Iterator[tuple[str, Schema]]:
    """Yield the responses of this route alone, by the names of their components. ``replies`` are its successes."""
    for status, recorded in sorted(_by_status(row).items()):
        if status == HTTPStatus.OK:
            response = _outcomes(row, recorded, replies)
        elif status in (HTTPStatus.SWITCHING_PROTOCOLS, HTTPStatus.NOT_MODIFIED):
            response = {"description": descriptions.STATUSES[HTTPStatus(status)]} | _headers(
                recorded
            )
        else:
            # What is full differs between routes; all other errors of every route can occur here, too.
            is_common = status in SHARED and status != HTTPStatus.TOO_MANY_REQUESTS
            is_common &= status != HTTPStatus.SERVICE_UNAVAILABLE or not _always_works(row)
            common = everywhere(status) if is_common else []
            response = _failure(HTTPStatus(status), common, recorded)
        yield _name(row, status), response


def responses_of(row: Route, method: str, own: Iterable[str]) -> Schema:
    """Return all responses of a route by their status: its own, and the shared ones."""
    answers: dict[int, str] = {int(status): status.name for status in _shared_by(row, method)}
    own = set(own)
    for status in _by_status(row):
        if _name(row, status) in own:
            answers[status] = _name(row, status)
    return {
        str(status): {"$ref": f"#/components/responses/{name}"}
        for status, name in sorted(answers.items())
    }


def _by_status(row: Route) -> dict[int, list[Recorded]]:
    """Return the answers of a route by status; those of a strict call have a second one."""
    found: dict[int, list[Recorded]] = {int(success_of(row)): []}
    for one in answers_of(row):
        found.setdefault(one.status, []).append(one)
        if one.code and one.status == HTTPStatus.OK:
            found.setdefault(statuses.strict(one.code), []).append(one)
    return found


def _shared_by(row: Route, method: str) -> Iterator[HTTPStatus]:
    changes = any(one.status == HTTPStatus.GATEWAY_TIMEOUT for one in answers_of(row))
    for status in SHARED:
        if status is HTTPStatus.REQUEST_TIMEOUT and method == "get":
            continue
        if status is HTTPStatus.TOO_MANY_REQUESTS and not changes:
            continue
        if status is HTTPStatus.NOT_IMPLEMENTED and not row.needs:
            continue
        if status is HTTPStatus.SERVICE_UNAVAILABLE and _always_works(row):
            continue
        yield status


def _always_works(row: Route) -> bool:
    """Return whether it works in every state of the account. `start_client` does not while the server stops."""
    return row.any_state and row.name != "start_client"


def _outcomes(row: Route, recorded: Sequence[Recorded], replies: Sequence[Schema]) -> Schema:
    codes = sorted({one.code for one in recorded}, key=lambda code: (code < 0, abs(code)))
    failures = [_ref_with(codes)] if any(codes) else []
    successes = list(replies)
    if Listing in get_args(row.reply):
        successes = [{"type": "array", "items": {"$ref": "#/components/schemas/Upload"}}]
    content: Schema = {}
    json_only = list(recorded)
    if row.reply is ImageReply:
        content["image/*"] = {}
        json_only = [one for one in recorded if one.code]
    elif row.reply is EventStream:
        # The schema is each event's, the example is the text of several.
        content["text/event-stream"] = {"schema": _EVENT, "examples": _examples(recorded)}
    kinds = [*successes, *failures]
    if kinds:
        schema = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
        content[_JSON] = {"schema": schema, "examples": _examples(json_only)}
        content[_JSONP] = {}
    return {"description": _meanings(codes), "content": content} | _headers(recorded)


def _failure(status: HTTPStatus, common: Sequence[Recorded], own: Sequence[Recorded]) -> Schema:
    codes = sorted({one.code for one in (*common, *own)})
    shared = {_key(one): {"$ref": f"#/components/examples/{_key(one)}"} for one in common}
    content = {
        _JSON: {"schema": _ref_with(codes), "examples": {**_examples(own), **shared}},
        _JSONP: {},
    }
    description = f"{descriptions.STATUSES[status]}\n\n{_meanings(codes)}"
    return {"description": description, "content": content} | _headers([*own, *common])


def _meanings(codes: Sequence[int]) -> str:
    """List the possible codes with their meanings."""
    own = [code for code in codes if code < _FIRST_RET]
    lines = [f"- `{code}`: {descriptions.CODES[code]}" for code in own]
    if len(own) < len(codes):
        lines.append(f"- or {descriptions.RET}")
    return "\n".join(lines)


def _ref_with(codes: Sequence[int]) -> Schema:
    """Make the schema of a failure with one of these codes."""
    known = [code for code in codes if 0 != code < _FIRST_RET]
    kinds: Schema = {"enum": known}
    if any(code >= _FIRST_RET for code in codes):
        kinds = {"anyOf": [kinds, {"type": "integer", "minimum": _FIRST_RET}]}
    return {"allOf": [{"$ref": "#/components/schemas/Failure"}, {"properties": {"code": kinds}}]}


def _headers(recorded: Iterable[Recorded]) -> Schema:
    headers = {name: value for one in recorded for name, value in one.told.items()}
    if not headers:
        return {}
    return {
        "headers": {
            name: {
                "description": descriptions.RESPONSE_HEADERS[name],
                "schema": {"type": "string"},
                "example": value,
            }
            for name, value in headers.items()
        }
    }


def _examples(recorded: Iterable[Recorded]) -> dict[str, Schema]:
    return {_key(one): _example(one) for one in recorded}


def _example(one: Recorded) -> Schema:
    code = f" (code {one.code})" if one.code else ""
    return {"summary": one.about + code, "value": one.answer}


def _key(one: Recorded) -> str:
    """Make the name of a component: letters, digits and ``. - _``."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in one.about)


def _name(row: Route, status: int) -> str:
    return f"{row.name}_{int(status)}"
