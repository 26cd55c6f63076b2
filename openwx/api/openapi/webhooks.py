"""Describes the reports to ``post_api`` as webhooks: a message of each format, and each event.
``document`` calls it.
"""

from typing import Any

from openwx.api.openapi import descriptions
from openwx.api.openapi.examples import of_uploads
from openwx.config import EVENTS

Schema = dict[str, Any]

_ALWAYS = ("post_type", "type", "class", "format", "id", "uid", "time", "content")
_ENUMS: dict[str, list[str]] = {
    "post_type": ["receive_message", "send_message"],
    "type": ["friend_message", "group_message", "group_notice"],
    "class": ["recv", "send"],
    "format": list(descriptions.FORMATS),
    "source": ["local", "outer"],
}

_QUOTE: Schema = {
    "type": "object",
    "required": ["sender", "content"],
    "properties": {name: {"type": "string"} for name in ("id", "sender", "content", "format")},
}
_UID: Schema = {"type": ["integer", "string"]}
_TEXT: Schema = {"type": "string"}
_MENTION: Schema = {
    "type": "object",
    "required": ["id", "uid", "displayname", "me"],
    "properties": {"id": _TEXT, "uid": _UID, "displayname": _TEXT, "me": {"type": "boolean"}},
}
_ARTICLE: Schema = {
    "type": "object",
    "required": ["title", "desc", "url", "cover"],
    "properties": dict.fromkeys(("title", "desc", "url", "cover"), _TEXT),
}
_OTHER_TYPES: dict[str, Schema] = {
    "quote": _QUOTE,
    "mentions": {"type": "array", "items": _MENTION},
    "mentions_me": {"type": "boolean"},
    "mentions_all": {"type": "boolean"},
    "app_type": {"type": "integer"},
    "app_items": {"type": "array", "items": _ARTICLE},
    "code": {"type": "integer"},
    **dict.fromkeys(("sender_uid", "receiver_uid", "group_uid"), _UID),
}
"""The members that are no texts."""


def _field(name: str) -> Schema:
    if name in _ENUMS:
        return {"enum": _ENUMS[name]}
    return _OTHER_TYPES.get(name, _TEXT)


UPLOAD_SCHEMAS: dict[str, Schema] = {
    "UploadedMessage": {
        "type": "object",
        "description": "A message that was received, or sent by this account.",
        "required": list(_ALWAYS),
        "properties": {
            name: {**_field(name), "description": what}
            for name, what in descriptions.FIELDS.items()
        },
    },
    "UploadedEvent": {
        "type": "object",
        "description": "Something else that happened.",
        "required": ["post_type", "event", "params"],
        "properties": {
            "post_type": {"const": "event"},
            "event": {"enum": list(EVENTS)},
            "params": {"type": "array"},
        },
    },
    "Upload": {
        "description": "A message or event, as it is POSTed to `post_api`.",
        "anyOf": [
            {"$ref": "#/components/schemas/UploadedMessage"},
            {"$ref": "#/components/schemas/UploadedEvent"},
        ],
    },
    "Reply": {
        "type": "object",
        "description": "What to send to the chat of the message: ten replies at most, each a text, media or both.",
        "properties": {
            "reply": {
                "anyOf": [_TEXT, {"type": "array", "items": _TEXT}],
                "description": "a text, or several, which are sent one after the other",
            },
            "media": {
                "type": "string",
                "description": "media: an http(s) URL, or a path; sent after the text",
            },
            "replies": {
                "type": "array",
                "items": {"type": "object", "properties": {"reply": _TEXT, "media": _TEXT}},
                "description": "what is sent after that, in order",
            },
        },
    },
}
_HEADERS: list[Schema] = [
    {
        "name": name,
        "in": "header",
        "required": name != "webhook-signature",
        "description": what,
        "schema": {"type": "string"},
    }
    for name, what in descriptions.REPORT_HEADERS.items()
]
_CLIENT: Schema = {
    "name": "client",
    "in": "query",
    "required": False,
    "description": "the account, if there are several",
    "schema": {"type": "string"},
}
_OTHERWISE: Schema = {
    "description": "Anything but 2xx: it is sent again later, with the same `webhook-id`. 408, 429, 502 to 504 and no"
    " answer are retried for a day; any other status five times."
}
_REPLIES: Schema = {
    "text": {"summary": "a text", "value": {"reply": "六点"}},
    "both": {
        "summary": "a text and a picture",
        "value": {"reply": "看这张", "media": "https://example.com/holiday.png"},
    },
    "several": {
        "summary": "a picture, then a text",
        "value": {"replies": [{"media": "https://example.com/holiday.png"}, {"reply": "看这张"}]},
    },
    "nothing": {"summary": "nothing is to be sent", "value": {}},
}


def webhooks() -> dict[str, Schema]:
    """Return the webhooks by the names under which readers find them."""
    messages = {
        f"message: {format}": _webhook(
            f"uploaded_{format}",
            descriptions.MESSAGES,
            descriptions.FORMATS[format],
            {
                "allOf": [
                    {"$ref": "#/components/schemas/UploadedMessage"},
                    {"properties": {"format": {"const": format}}},
                ]
            },
            recorded,
            can_be_replied_to=format != "notice",
        )
        for format, recorded in of_uploads("messages").items()
    }
    events = {
        f"event: {name}": _webhook(
            f"uploaded_{name}",
            descriptions.EVENTS,
            descriptions.EVENT_WORDS[name][0],
            _event(name),
            recorded,
        )
        for name, recorded in of_uploads("events").items()
    }
    return {**messages, **events}


def _event(name: str) -> Schema:
    what = descriptions.EVENT_WORDS[name][1]
    params: Schema = {
        "type": "array",
        "description": " · ".join(what) or "none",
        "maxItems": len(what),
    }
    if name in ("update_friend", "update_group"):
        del params["maxItems"]
    else:
        params["prefixItems"] = [{"description": one} for one in what]
    if not what:
        del params["prefixItems"]
    return {
        "allOf": [
            {"$ref": "#/components/schemas/UploadedEvent"},
            {"properties": {"event": {"const": name}, "params": params}},
        ]
    }


def _webhook(
    operation: str,
    tag: str,
    summary: str,
    schema: Schema,
    recorded: dict[str, Any],
    *,
    can_be_replied_to: bool = False,
) -> Schema:
    taken: Schema = {"description": "Accepted; it is not sent again."}
    if can_be_replied_to:
        taken = {
            "description": "Accepted; it is not sent again. A `receive_message` that is no notice may be"
            " replied to; any other body is ignored.",
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/Reply"},
                    "examples": _REPLIES,
                }
            },
        }
    return {
        "post": {
            "operationId": operation,
            "tags": [tag],
            "summary": summary,
            "description": "POSTed to the configured `post_api`, until it is answered with 2xx.",
            "parameters": [_CLIENT, *_HEADERS],
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": schema,
                        "examples": {
                            f"example_{number}": {"summary": about, "value": upload}
                            for number, (about, upload) in enumerate(recorded.items(), 1)
                        },
                    }
                },
            },
            "responses": {"2XX": taken, "default": _OTHERWISE},
            "security": [],
        }
    }
