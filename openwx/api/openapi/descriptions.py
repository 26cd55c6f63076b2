"""What codes, topics, headers and the fields of uploads mean, in plain words."""

from http import HTTPStatus

from openwx.errors import Code

ABOUT = """A self-hosted HTTP gateway for a personal WeChat account.

**Calling.** Every route takes GET and POST. Parameters may be given in the query, as a form, as JSON or as
`multipart/form-data`; the body wins over the query; an empty one counts as not given. Files are parts of a multipart
body, named `media`. What a route does not know is ignored: the header `Openwx-Ignored` of the answer names it. Routes
that only look take HEAD, too.

**Answers** are JSON with `code` and `status`, but for the bare lists of people and groups, and pictures. HTTP 200 is
every outcome that the caller may expect; an unknown route or method is code -9 with HTTP 404 or 405.

**Ids** of friends, groups and members change with every login that was scanned; `uid`, `account` and the names last.

**Uploads** of what happens are under *Webhooks*: each is POSTed to `post_api` until it is answered with 2xx."""

CODES: dict[int, str] = {
    Code.DONE: "done",
    Code.NOT_FOUND: "there is no such friend, group, member, message, medium or delivery",
    Code.NOT_POSSIBLE: "it is there, but this cannot be done with it",
    Code.AMBIGUOUS: "several are called so: `candidates` lists them, and nothing was done",
    Code.EMPTY_LIST: "the list of ids is empty",
    Code.REFUSED: "WeChat refused; `ret` and `errmsg` are its words",
    Code.UNREACHABLE: "WeChat could not be reached, or answered nonsense",
    Code.BAD_PARAMETER: "a parameter is missing or wrong, or the body cannot be read",
    Code.MEDIA: "the medium cannot be read, is too large, or could not be fetched",
    Code.NOT_RUNNING: "the account does not run; `state` and `state_reason` say why",
    Code.GAVE_UP: "it failed as often as it may be tried, or cannot be kept safe",
    Code.UNAUTHENTICATED: "the token is missing or wrong",
    Code.QUEUE_FULL: "too much waits already: come back later",
    Code.FORBIDDEN: "the configuration does not allow this, or not from there",
    Code.NO_ROUTE: "no such route or method",
}
RET = "WeChat's own number from 1000 on, for a refused send; 1205: too often"

STATUSES: dict[HTTPStatus, str] = {
    HTTPStatus.SWITCHING_PROTOCOLS: "The connection is a WebSocket now.",
    HTTPStatus.NOT_MODIFIED: "The caller's copy is still the present one.",
    HTTPStatus.BAD_REQUEST: "Something is wrong with the call.",
    HTTPStatus.UNAUTHORIZED: "Who calls is not known.",
    HTTPStatus.FORBIDDEN: "This may not be done, or not from there.",
    HTTPStatus.NOT_FOUND: "There is none now.",
    HTTPStatus.REQUEST_TIMEOUT: "The body did not come to its end in time.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request is too big.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too much waits already; Retry-After says when to come back.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The account does not run now, or nothing can be kept: the disk is full.",
    HTTPStatus.GATEWAY_TIMEOUT: "No answer in time: it may have happened, or may not.",
}

TOPICS: dict[str, str] = {
    "info": "Who and what there is: the account, friends, groups.",
    "sending": "Texts and media to friends and groups.",
    "recall": "Take back what was sent.",
    "consult": "Ask a friend, and wait for the answer.",
    "groups": "Make groups, change them and who is in them.",
    "friends": "Remark names, pinned chats, becoming friends.",
    "avatars": "Pictures of people and groups.",
    "events": "What happens, as it happens: to wait for, or to follow. No `post_api` is needed.",
    "accounts": "The accounts of this server, their state, and the QR code to log in.",
    "outbox": "Uploads to `post_api` that failed or wait.",
}
STREAM = """Each event is `event:` (`receive_message`, `send_message`, or the name of an event), `data:` (the JSON that
is uploaded to `post_api`) and `id:`. An id without an event says from where to go on; a line `:` says that the stream
lives. Besides there are `missed` (`after`, `upto`, `reason`: these cannot be told) and `end` (`reason`, `after`: the
stream ends, and that is the id to go on after). A browser's EventSource comes back by itself."""
SOCKET = """Open it with GET and `Upgrade: websocket` (RFC 6455). A program that cannot set the header Authorization
sends `{"token": "…"}` as its first message.

openwx sends JSON objects with a `type`: `cursor` (`after`: from where to go on), `event` (`id`, `name`, `event`: the
JSON that is uploaded to `post_api`), `missed` (`after`, `upto`, `reason`: these cannot be told), `answer` (`id` of the
call, `http_status`, `answer`; a picture has `content_type`, and `data` in base64) and `end` (`code`, `reason`,
`after`).

A program sends calls: `{"id": ANYTHING, "call": NAME, "params": {…}}`. Several may be under way; each answer has the id
of its call."""

MESSAGES = "uploaded messages"
EVENTS = "uploaded events"
UPLOADS: dict[str, str] = {
    MESSAGES: "What is POSTed to `post_api` when somebody writes, or when this account does: see *Webhooks* below.",
    EVENTS: "The same when something else happens (`post_event`, `post_event_list`): see *Webhooks* below.",
}

ASKED_HEADERS: dict[str, str] = {
    "Idempotency-Key": "A text of 1 to 255 visible ASCII characters, new for each thing that is to be done once: the"
    " same key answers the first result for 24 hours. Also as the parameter `idempotency_key`.",
    "Last-Event-ID": "The id of the last event that was told, as browsers send it; before the parameter `after`.",
    "If-None-Match": "The ETag of the copy that the caller has.",
}
TOLD_HEADERS: dict[str, str] = {
    "Retry-After": "Seconds until it is worth while to try again.",
    "ETag": "Made of the picture; give it back in If-None-Match.",
    "Cache-Control": "How long it may be kept.",
    "X-Openwx-Last-Id": "What to give as `after` the next time.",
    "WWW-Authenticate": "That a Bearer token is wanted.",
}
UPLOAD_HEADERS: dict[str, str] = {
    "webhook-id": "The same for every repetition of an upload: take note of it to do things once.",
    "webhook-timestamp": "Unix time of this try, in seconds.",
    "webhook-signature": "Where a `secret` is configured: `v1,` and the base64 of the HMAC-SHA256 of"
    " `ID.TIMESTAMP.BODY` (Standard Webhooks).",
}

FORMATS: dict[str, str] = {
    "text": "A text, or a notice in a group.",
    "media": "A picture, voice message, video, sticker or file. `media_error` instead of the file where it could not"
    " be fetched.",
    "app": "Something shared from an app: a link, a mini program, a record of a chat.",
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
    "_uid": "the lasting number of {who}, a name where WeChat tells a name, or empty",
    "_name": "the name of {who}",
    "_account": "the account name of {who}",
    "_markname": "the remark name of {who}",
    "_category": "好友, 公众号 or 系统帐号; empty for who is no friend",
}
FIELDS: dict[str, str] = {
    "post_type": "receive_message, or send_message for what this account sent, here or on the phone",
    "type": "friend_message, group_message, or group_notice (which has no sender)",
    "class": "recv or send",
    "format": "what kind of message it is",
    "id": "WeChat's number of the message; for a sent one `NUMBER:RECEIVER`, empty where it was not sent",
    "uid": "the message's own lasting name; that of an `async=1` answer",
    "time": "Unix time in seconds",
    "content": "the text, or what stands for it",
    **{"sender" + name: what.format(who="who wrote") for name, what in _PERSON.items()},
    **{"receiver" + name: what.format(who="who got it") for name, what in _PERSON.items()},
    "group": "the group's display name",
    "group_id": "the group's id, for this login",
    "group_uid": "the group's lasting number, or empty",
    "group_name": "the group's name",
    "source": "local: this server sent it; outer: the phone did",
    "code": "of a sent message: 0, or why it was not sent",
    "msg": "发送成功 or 发送失败",
    "info": "why it was not sent, in words",
    "media_id": "sends the medium on, as often as wanted",
    "media_type": "image, voice, video, microvideo, emoticon or file",
    "media_code": "the number of that",
    "media_path": "the file on the machine of openwx",
    "media_mime": "its true type",
    "media_name": "its name, as its author wrote it",
    "media_size": "bytes",
    "media_mtime": "Unix time in seconds",
    "media_ext": "the extension of its content",
    "media_data": "the file in base64, in lines of 76; left out with `post_media_data = false`",
    "media_error": "why the file could not be fetched",
    "app_name": "which app",
    "app_id": "the app's id",
    "app_title": "the title",
    "app_desc": "the description",
    "app_url": "the address",
    "card_id": "the id of whose card it is",
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
        ("1: ids may have changed; 0: a session goes on, ids as before; -1: refused", "why, with -1"),
    ),
    "stop": ("The account has stopped; uploaded before the process ends.", ()),
    "state_change": ("Another state.", ("the former one", "the present one")),
    "input_qrcode": ("A QR code wants to be scanned.", ("the file of the picture", "it in base64")),
    "qrcode_expire": ("The QR code is not good any more; the next one comes.", ()),
    "new_friend": ("Somebody is a friend now.", ("the friend",)),
    "lose_friend": ("Somebody is no friend any more.", ("who was one",)),
    "new_group": ("The account is in a group.", ("the group, with `member`",)),
    "lose_group": ("The account is out of a group.", ("the group, with `member`",)),
    "new_group_member": ("Somebody joined a group.", ("who", "the group, with `member`")),
    "lose_group_member": ("Somebody left a group.", ("who", "the group, with `member`")),
    "group_property_change": ("A group has another name or owner.", ("the group", "what", "before", "now")),
    "group_member_property_change": (
        "A member has another name.",
        ("the member", "what", "before", "now"),
    ),
    "friend_property_change": ("Something about a friend is other.", ("the friend", "what", "before", "now")),
    "user_property_change": ("Something about the account is other.", ("the account", "what", "before", "now")),
    "friend_request": (
        "Somebody asks to be a friend; `accept_friend_request` says yes.",
        ("id", "display name", "words", "ticket"),
    ),
    "update_user": ("The account was fetched afresh.", ("the account",)),
    "update_friend": ("All friends were fetched afresh.", ("a friend; all follow",)),
    "update_group": ("All groups were fetched afresh.", ("a group; all follow",)),
}  # fmt: skip
"""Of each event what it says, and what its ``params`` are."""
