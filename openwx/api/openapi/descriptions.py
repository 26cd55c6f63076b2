"""Texts of the document: the meanings of codes, topics, headers and the fields of reports.
The other modules here take them.
"""

from http import HTTPStatus

from openwx.errors import Code

ABOUT = """A self-hosted HTTP gateway for a personal WeChat account.

**Calling.** Every route takes GET and POST. Parameters may be given in the query, as a form, as JSON or as
`multipart/form-data`; the body wins over the query; an empty one counts as absent. Files are parts of a multipart
body, named `media`. What a route does not know is ignored: the header `Openwx-Ignored` of the answer names it. Routes
that change nothing take HEAD, too.

**Answers** are JSON with `code` and `status`, but for the bare lists of people and groups, and pictures. HTTP 200 is
every expected outcome; an unknown route or method is code -9 with HTTP 404 or 405. With `strict=1`, or the header
`Openwx-Strict: 1`, every code other than 0 is an HTTP status of 4xx or 5xx.

**Ids** of friends, groups and members change with every login that was scanned; `uid`, `account` and the names last.

**Reports** of messages and events are under *Webhooks*: each is POSTed to `post_api` until it is answered with 2xx."""

CODES: dict[int, str] = {
    Code.DONE: "done",
    Code.NOT_FOUND: "there is no such friend, group, member, message, media or delivery",
    Code.NOT_POSSIBLE: "it is there, but this cannot be done with it",
    Code.AMBIGUOUS: "several have this name: `candidates` lists them, and nothing was done",
    Code.EMPTY_LIST: "the list of ids is empty",
    Code.REFUSED: "WeChat refused; `ret` and `errmsg` are WeChat's",
    Code.UNREACHABLE: "WeChat could not be reached, or gave no valid answer",
    Code.BAD_PARAMETER: "a parameter is missing or wrong, or the body cannot be read",
    Code.MEDIA: "the media cannot be read, is too large, or could not be fetched",
    Code.NOT_RUNNING: "the account is not running; `state` and `state_reason` say why",
    Code.GAVE_UP: "it failed after all attempts, or cannot be stored",
    Code.UNAUTHENTICATED: "the token is missing or wrong",
    Code.QUEUE_FULL: "too much waits already, or this was done just now: try again later",
    Code.FORBIDDEN: "the configuration or the key does not allow this, or not from there",
    Code.NO_ROUTE: "no such route or method",
    Code.NOT_SUPPORTED: "the account's transport cannot do this: it lacks the `capability`",
}
RET = "WeChat's own number from 1000 on, for a refused send; 1205: too often"

STATUSES: dict[HTTPStatus, str] = {
    HTTPStatus.SWITCHING_PROTOCOLS: "The connection is a WebSocket now.",
    HTTPStatus.NOT_MODIFIED: "The caller's copy is up to date.",
    HTTPStatus.BAD_REQUEST: "Something is wrong with the call.",
    HTTPStatus.UNAUTHORIZED: "The caller is not authenticated.",
    HTTPStatus.FORBIDDEN: "This is not allowed, or not from this origin.",
    HTTPStatus.NOT_FOUND: "There is none; for what is usually HTTP 200, with `strict=1` alone.",
    HTTPStatus.CONFLICT: "With `strict=1`: several match.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "With `strict=1`: this cannot be done with it.",
    HTTPStatus.BAD_GATEWAY: "With `strict=1`: WeChat refused, or could not be reached.",
    HTTPStatus.REQUEST_TIMEOUT: "The body was not complete in time.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request is too big.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too much waits, or this was done just now; Retry-After says when to come back.",
    HTTPStatus.NOT_IMPLEMENTED: "The account's transport cannot do this, whatever its state.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The account is not running, or nothing can be stored: the disk is full.",
    HTTPStatus.GATEWAY_TIMEOUT: "No answer in time: it may have been done, or not.",
}

TOPICS: dict[str, str] = {
    "info": "The account, friends and groups.",
    "chats": "Stored messages, read chats, and contacts that are fetched anew.",
    "sending": "Texts and media to friends and groups.",
    "recall": "Take back what was sent.",
    "consult": "Ask a friend, and wait for the answer.",
    "groups": "Create groups, and change them and their members.",
    "friends": "Remark names, pinned chats, becoming friends.",
    "avatars": "Pictures of people and groups.",
    "events": "Messages and events as they happen, to poll or to stream. No `post_api` is needed.",
    "accounts": "The accounts of this server, their state, and the QR code to log in.",
    "outbox": "Deliveries to `post_api` that failed or wait.",
}
STREAM = """Each event is `event:` (`receive_message`, `send_message`, or the name of an event), `data:` (the JSON that
is POSTed to `post_api`) and `id:`. An id without an event is where to go on; a line `:` is a heartbeat. Two more events
are `missed` (`after`, `upto`, `reason`: these are no longer available) and `end` (`reason`, `after`: the stream ends,
and continues after this id). A browser's EventSource reconnects by itself."""
SOCKET = """Open it with GET and `Upgrade: websocket` (RFC 6455). A program that cannot set the header Authorization
sends `{"token": "…"}` as its first message.

openwx sends JSON objects with a `type`: `cursor` (`after`: where to go on), `event` (`id`, `name`, `event`: the JSON
that is POSTed to `post_api`), `missed` (`after`, `upto`, `reason`: these are no longer available), `answer` (`id` of
the call, `http_status`, `answer`; a picture has `content_type`, and `data` in base64) and `end` (`code`, `reason`,
`after`).

A program sends calls: `{"id": ANYTHING, "call": NAME, "params": {…}}`. Several may be in progress; each answer has the
id of its call."""

MESSAGES = "reported messages"
EVENTS = "reported events"
UPLOADS: dict[str, str] = {
    MESSAGES: "POSTed to `post_api` for each message that is received or sent: see *Webhooks* below.",
    EVENTS: "POSTed to `post_api` for all other events (`post_event`, `post_event_list`): see *Webhooks* below.",
}

REQUEST_HEADERS: dict[str, str] = {
    "Idempotency-Key": "A text of 1 to 255 visible ASCII characters, new for each thing that is to be done once: the"
    " same key answers the first result for 24 hours. Also as the parameter `idempotency_key`.",
    "Last-Event-ID": "The id of the last received event, as browsers send it; it precedes the parameter `after`.",
    "If-None-Match": "The ETag of the copy that the caller has.",
}
RESPONSE_HEADERS: dict[str, str] = {
    "Retry-After": "Seconds after which to try again.",
    "ETag": "A digest of the picture; send it back in If-None-Match.",
    "Cache-Control": "How long the answer may be cached.",
    "X-Openwx-Last-Id": "The `after` of the next call.",
    "WWW-Authenticate": "A Bearer token is required.",
}
REPORT_HEADERS: dict[str, str] = {
    "webhook-id": "The same for every attempt: store it to handle each report once.",
    "webhook-timestamp": "Unix time of this attempt, in seconds.",
    "webhook-signature": "If a `secret` is configured: `v1,` and the base64 of the HMAC-SHA256 of"
    " `ID.TIMESTAMP.BODY` (Standard Webhooks).",
}

FORMATS: dict[str, str] = {
    "text": "A text, or a notice in a group.",
    "media": "A picture, voice message, video, sticker or file. `media_error` instead of the file if its download"
    " failed.",
    "app": "Something shared from an app: a link, articles, a mini program, a record of a chat, an announcement.",
    "card": "Somebody's card.",
    "revoke": "Somebody took a message back.",
    "payment": "A transfer or a red packet, which web clients cannot take.",
    "location": "A place.",
    "notice": "A notice of WeChat's in a friend's chat.",
    "unknown": "A kind that openwx does not know; `content` is as WeChat sent it.",
}

_PERSON = {
    "": "the display name of {who}",
    "_id": "the id of {who}, for this login",
    "_uid": "the lasting number of {who}, a name if WeChat gives a name, or empty",
    "_name": "the name of {who}",
    "_account": "the account name of {who}",
    "_markname": "the remark name of {who}",
    "_category": "好友, 公众号 or 系统帐号; empty for others",
}
FIELDS: dict[str, str] = {
    "post_type": "receive_message, or send_message for what this account sent, here or on the phone",
    "type": "friend_message, group_message, or group_notice (which has no sender)",
    "class": "recv or send",
    "format": "what kind of message it is",
    "id": "WeChat's number of the message; for a sent one `NUMBER:RECEIVER`, empty where it was not sent",
    "uid": "the message's own lasting name; that of an `async=1` answer",
    "time": "Unix time in seconds",
    "content": "the text, or its substitute",
    **{"sender" + name: what.format(who="the sender") for name, what in _PERSON.items()},
    **{"receiver" + name: what.format(who="the receiver") for name, what in _PERSON.items()},
    "group": "the group's display name",
    "group_id": "the group's id, for this login",
    "group_uid": "the group's lasting number, or empty",
    "group_name": "the group's name",
    "mentions": "of a text in a group: whom it mentions, each once; `id` and `uid` are empty where several have the"
    " name, and `me` is the account itself",
    "mentions_me": "whether one of these may be the account itself",
    "mentions_all": "whether it mentions everybody",
    "quote": "the quoted message, where WeChat tells: `sender` and `content`, and perhaps `id` and `format`",
    "source": "local: this server sent it; outer: the phone did",
    "code": "of a sent message: 0, or why it was not sent",
    "msg": "发送成功 or 发送失败",
    "info": "why it was not sent, in words",
    "media_id": "sends the file on, any number of times",
    "media_type": "image, voice, video, microvideo, emoticon or file",
    "media_code": "the number of that",
    "media_path": "the file on the machine of openwx",
    "media_mime": "its MIME type",
    "media_name": "its original name",
    "media_size": "bytes",
    "media_mtime": "Unix time in seconds",
    "media_ext": "the extension of its content",
    "media_data": "the file in base64, in lines of 76; left out with `post_media_data = false`",
    "media_error": "why the download failed",
    "voice_text": "the words of a voice message, where WeChat sends them",
    "app_name": "which app",
    "app_id": "the app's id",
    "app_title": "the title",
    "app_desc": "the description",
    "app_url": "the address",
    "app_type": "WeChat's number of its kind (AppMsgType), such as 5 a link, 33 a mini program, 87 an announcement",
    "app_xml": "what WeChat sent, as XML; empty where it has more than 32 KiB",
    "app_items": "the articles of a push",
    "app_path": "the page that a mini program opens",
    "app_username": "the own name of a mini program",
    "card_id": "the id of the person",
    "card_name": "the name",
    "card_account": "the account name",
    "card_province": "the province",
    "card_city": "the city",
    "card_sex": "male, female or none",
    "card_avatar": "the address of the picture",
    "revoke_id": "the `id` of the message that was taken back",
    "location_url": "a map",
}
"""The members of an uploaded message. Numbers that the original wrote as texts are texts."""

EVENT_WORDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "login": (
        "Logged in.",
        (
            "1: ids may have changed; 0: a session goes on, ids as before; -1: refused",
            "why, with -1",
            "WeChat's code, with -1",
            "WeChat's words, with -1",
        ),
    ),
    "stop": ("The account has stopped; POSTed before the process ends.", ()),
    "state_change": ("The state changed.", ("the former one", "the present one")),
    "input_qrcode": ("A QR code is to be scanned.", ("the file of the picture", "it in base64")),
    "qrcode_expire": ("The QR code has expired; a new one follows.", ()),
    "new_friend": ("A new friend.", ("the friend",)),
    "lose_friend": ("A friend is lost.", ("the former friend",)),
    "new_group": ("The account is in a new group.", ("the group, with `member`",)),
    "lose_group": ("The account is no longer in a group.", ("the group, with `member`",)),
    "new_group_member": ("Somebody joined a group.", ("who", "the group, with `member`")),
    "lose_group_member": ("Somebody left a group.", ("who", "the group, with `member`")),
    "group_property_change": ("A group has another name or owner.", ("the group", "what", "before", "now")),
    "group_member_property_change": (
        "A member has another name.",
        ("the member", "what", "before", "now"),
    ),
    "friend_property_change": ("Data of a friend changed.", ("the friend", "what", "before", "now")),
    "user_property_change": ("Data of the account changed.", ("the account", "what", "before", "now")),
    "friend_request": (
        "A friend request; `accept_friend_request` accepts it.",
        ("id", "display name", "text", "ticket"),
    ),
    "update_user": ("The account was loaded anew.", ("the account",)),
    "update_friend": ("All friends were loaded anew.", ("a friend; all follow",)),
    "update_group": ("All groups were loaded anew.", ("a group; all follow",)),
}  # fmt: skip
"""The meaning of each event, and of its ``params``."""
