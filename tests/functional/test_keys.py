"""Keys: every route with every scope and with the key of another account, by HTTP and by WebSocket, and attacks."""

import asyncio
import io
import logging
import re
from collections.abc import Iterator
from typing import Any

import aiohttp
import msgspec
import pytest

from openwx.api.app import routes
from openwx.api.callers import Scope
from openwx.config import AccessSettings, AccountSettings
from tests.memory import MemoryTransports
from tests.patience import PATIENCE_S, until_seen
from tests.reply import Reply

from .counting import ask
from .streaming import event_source, socket
from .test_logs import Log, logged
from .typed import Typed
from .visitor import Comes, Visitor
from .world import Api, Gateway, Json, World

pytestmark = pytest.mark.in_memory

ROWS = routes()
NAMES = [(row, name) for row in ROWS for name in (row.name, *row.other_names)]
SENDS = {"consult", "revoke_message", "upload_media", "mark_read"}
LOOKS = {"check_client", "outbox", "outbox_show", "events", "ws"}
SCOPES = {"read": Scope.READ, "send": Scope.SEND, "full": Scope.FULL}
STREAMS = {"events", "ws"}
MINE, THEIRS = "mine", "theirs"
OF_ALL = "token-of-everything-1f9c"
KEYS: list[Json] = [
    *({"name": f"all-{scope}", "token": f"{scope}-of-all-5b1e", "scope": scope} for scope in SCOPES),
    *(
        {"name": f"my-{scope}", "token": f"{scope}-of-mine-77d0", "scope": scope, "accounts": [MINE]}
        for scope in SCOPES
    ),
    {"name": "nowhere", "token": "of-no-account-90aa", "scope": "full", "accounts": ["not-there-yet"]},
]  # fmt: skip


def wanted(name: str) -> Scope:
    """Return the scope that the contract (5.6) gives a route."""
    if name.startswith("send_") or name in SENDS:
        return Scope.SEND
    if name == "check_event":  # it takes what others would read
        return Scope.SEND
    if name.startswith(("get_", "search_")) or name in LOOKS:
        return Scope.READ
    return Scope.FULL


class Caller(Api):
    """Somebody with a token."""

    def __init__(self, gateway: Gateway, token: str) -> None:
        super().__init__(gateway.url, gateway._http)
        self.token = token

    async def call(self, name: str, /, *, method: str = "GET", **request: Any) -> Reply:
        headers = {"Authorization": f"Bearer {self.token}", **request.pop("headers", {})}
        return await super().call(name, method=method, headers=headers, **request)


@pytest.fixture
async def gateway(world: World) -> Gateway:
    one = world.settings()
    accounts = dict.fromkeys((MINE, THEIRS), AccountSettings(send_interval=0))
    access = AccessSettings.model_validate({"token": OF_ALL, "keys": KEYS})
    gateway = await world.start(
        settings=one.model_copy(update={"accounts": accounts, "access": access})
    )
    me = Caller(gateway, OF_ALL)

    async def states() -> set[str]:
        return {one["state"] for one in (await me.get("check_client")).json["client"]}

    await until_seen(states, {"running"}.__eq__)
    return gateway


@pytest.fixture
def log() -> Iterator[Log]:
    """Return what is logged from now on, as JSON."""
    with logged(logging.INFO) as log:
        yield log


@pytest.fixture
def wechat(world: World) -> MemoryTransports:
    assert isinstance(world.wechat, MemoryTransports)
    return world.wechat


async def in_each_style(caller: Caller, name: str, **params: str) -> dict[str, Reply]:
    return {
        "query": await caller.get(name, **params),
        "form": await caller.post(name, **params),
        "JSON": await caller.post_json(name, **params),
        "multipart": await caller.post_parts(name, **params),
        "slash": await caller.get(f"{name}/", **params),
    }


def is_refused_for(scope: Scope, reply: Reply) -> bool:
    return (
        reply.status == 403 and reply.code == -8 and f"with the scope {scope.word};" in reply.words
    )


# -- every route -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("row", "name"), NAMES, ids=[name for _, name in NAMES])
def test_every_route_declares_the_scope_of_the_contract(row: Any, name: str) -> None:
    assert row.scope is wanted(name)


async def test_every_route_with_every_scope(gateway: Gateway) -> None:
    """``client`` leads nowhere, so that what is let in does nothing; and nothing is said of that before."""
    wrong = []
    for word, has in SCOPES.items():
        caller = Caller(gateway, f"{word}-of-all-5b1e")
        for row, name in NAMES:
            if name in STREAMS:
                continue
            for style, reply in (await in_each_style(caller, name, client="no/body")).items():
                is_let_in = has >= wanted(name)
                expected = (reply.status, reply.code) == (400, -2) if is_let_in else None
                if not (is_refused_for(row.scope, reply) if expected is None else expected):
                    wrong.append((word, name, style, reply.status, reply.body[:150]))
    assert wrong == []


async def test_every_route_with_every_scope_over_a_socket(gateway: Gateway) -> None:
    wrong = []
    for word, has in SCOPES.items():
        async with socket(gateway, token=f"{word}-of-all-5b1e", client=MINE) as ws:
            for row, name in NAMES:
                if name in STREAMS:
                    continue
                said = await ws.call(name, client="no/body", token=OF_ALL)
                answer = Reply(said["http_status"], msgspec.json.encode(said["answer"]), {})
                is_let_in = has >= wanted(name)
                good = answer.code == -2 if is_let_in else is_refused_for(row.scope, answer)
                if not good:
                    wrong.append((word, name, said))
    assert wrong == []


async def test_another_account_does_not_exist_on_any_route(gateway: Gateway) -> None:
    """The answer is to the letter the one about a name that nobody has, whatever else is given."""
    caller = Caller(gateway, "full-of-mine-77d0")
    wrong: list[object] = []
    some = {"id": "1", "content": "x", "timeout": "0", "code": "1234", "displayname": "小灰"}
    async with socket(gateway, token=caller.token) as ws:
        for _, name in NAMES:
            if name == "ws":
                continue
            foreign = await in_each_style(caller, name, client=THEIRS, **some)
            unknown = await in_each_style(caller, name, client="nobody", **some)
            for style, reply in foreign.items():
                alike = unknown[style]
                is_same = (reply.status, reply.body) == (alike.status, alike.body)
                is_right = reply.code == (-8 if name == "start_client" else -2)
                if not (is_same and is_right and THEIRS not in reply.body.decode()):
                    wrong.append((name, style, reply.body[:150], alike.body[:150]))
            if name in STREAMS:
                continue
            said, other = [
                await ws.call(name, client=whose, **some) for whose in (THEIRS, "nobody")
            ]
            if said["answer"] != other["answer"]:
                wrong.append((name, "socket", said, other))
    assert wrong == []


async def test_without_client_the_only_account_of_a_key_is_meant(gateway: Gateway) -> None:
    for scope in SCOPES:
        caller = Caller(gateway, f"{scope}-of-mine-77d0")
        assert (await caller.get("get_client_info")).json["account"] == MINE
        (client,) = (await caller.get("check_client")).json["client"]
        assert client["account"] == MINE
        async with socket(gateway, token=caller.token) as ws:
            assert (await ws.call("get_client_info"))["answer"]["account"] == MINE
    everything = Caller(gateway, "full-of-all-5b1e")
    assert "client is missing" in (await everything.get("get_client_info")).words
    nowhere = Caller(gateway, "of-no-account-90aa")
    for params in ({}, {"client": MINE}, {"client": "x"}):
        reply = await nowhere.get("get_client_info", **params)
        assert reply.code == -2
        assert MINE not in reply.words
    assert (await nowhere.get("check_client")).json["client"] == []


async def test_a_key_does_what_its_scope_allows(gateway: Gateway, wechat: MemoryTransports) -> None:
    sender, changer = Caller(gateway, "send-of-mine-77d0"), Caller(gateway, "full-of-mine-77d0")
    friend = wechat.account(MINE).friend("小灰")
    assert (await sender.post("send_friend_message", displayname="小灰", content="1")).code == 0
    assert await friend.hears_text() == "1"
    assert (await changer.post("set_markname", displayname="小灰", new_markname="灰")).code == 0
    assert (await sender.post("set_markname", displayname="小灰", new_markname="x")).code == -8
    assert (await changer.post("outbox_drop", id="all")).code == 0
    assert (await changer.post("stop_client")).json["account"] == MINE
    assert wechat.account(THEIRS).friend("小灰").texts == []


async def test_a_key_for_some_accounts_starts_no_others(
    gateway: Gateway, wechat: MemoryTransports
) -> None:
    caller = Caller(gateway, "full-of-mine-77d0")
    assert (await caller.post("start_client", client=MINE)).json[
        "status"
    ] == "client already exists"
    words = set()
    for name in ("fresh", THEIRS, "MINE", "not-there-yet", "a b", "../x"):
        reply = await caller.post("start_client", client=name, post_api="http://example.com/")
        assert (reply.status, reply.code) == (403, -8), name
        words.add(reply.words)
    assert len(words) == 1
    # Not even an account that the key names, while there is none: a key of all has to start it.
    assert (
        await Caller(gateway, "of-no-account-90aa").get("start_client", client="not-there-yet")
    ).code == -8
    assert set(wechat.transports) == {MINE, THEIRS}
    assert (
        await Caller(gateway, "full-of-all-5b1e").post("start_client", client="fresh")
    ).code == 0


async def test_check_event_takes_only_for_who_may_more_than_look(
    gateway: Gateway, wechat: MemoryTransports
) -> None:
    reader, sender = Caller(gateway, "read-of-mine-77d0"), Caller(gateway, "send-of-mine-77d0")
    await sender.get("check_event", timeout="0")
    wechat.account(MINE).friend("小灰").says("kept")
    for params in ({}, {"after": ""}):
        reply = await reader.get("check_event", timeout="0", **params)
        assert reply.code == -8
    seen = await reader.get("check_event", after="0", type="receive_message")
    assert [one["content"] for one in seen.json] == ["kept"]
    taken = (await sender.get("check_event")).json
    assert "kept" in [one.get("content") for one in taken]


# -- attacks -----------------------------------------------------------------------------------------------


async def test_client_given_twice_is_one_account(gateway: Gateway) -> None:
    """Whichever wins, the account that is judged is the one that is used."""
    caller = Caller(gateway, "full-of-mine-77d0")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for query, body in (
        (f"client={MINE}", f"client={THEIRS}"),
        (f"client={THEIRS}", f"client={MINE}"),
        (f"client={MINE}&client={THEIRS}", ""),
        (f"client={THEIRS}&client={MINE}", ""),
        ("", f"client={MINE}&client={THEIRS}"),
        (f"client={MINE}%00", ""),
        (f"client={MINE}&Client={THEIRS}&CLIENT={THEIRS}", ""),
    ):
        reply = await caller.call(
            f"get_client_info?{query}", method="POST", data=body, headers=form
        )
        assert reply.json.get("account", MINE) == MINE
        assert THEIRS not in reply.body.decode()
    twice = b'{"client": "mine", "client": "theirs"}'
    reply = await caller.call(
        "get_client_info", method="POST", data=twice, headers={"Content-Type": "application/json"}
    )
    assert THEIRS not in reply.body.decode()


@pytest.mark.parametrize(
    "path",
    [
        "send_friend_message/",
        "send_friend_message//",
        "./send_friend_message",
        "get_user_info/../send_friend_message",
        "get_user_info/%2e%2e/send_friend_message",
        "%73end_friend_message",
        "SEND_FRIEND_MESSAGE",
        "send_friend_message%00",
        "send_friend_message;get_user_info",
        "send_friend_message%2f",
    ],
)
async def test_no_spelling_of_a_path_gets_around_the_scope(
    gateway: Gateway, wechat: MemoryTransports, path: str
) -> None:
    reader, writer = await asyncio.open_connection(*gateway.url.removeprefix("http://").split(":"))
    head = f"GET /openwx/{path}?token=read-of-mine-77d0&displayname=%E5%B0%8F%E7%81%B0&content=x HTTP/1.1\r\n"
    writer.write(f"{head}Host: localhost\r\nConnection: close\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), PATIENCE_S)
    writer.close()
    assert int(answer.split()[1]) in (400, 403, 404), answer[:300]
    assert wechat.account(MINE).friend("小灰").texts == []


async def test_who_shows_two_tokens_is_whom_the_header_names(gateway: Gateway) -> None:
    reader, sender = "read-of-mine-77d0", "send-of-mine-77d0"

    async def code(header: str, query: str, body: str = "") -> int:
        request = {"displayname": "小灰", "content": "x"} | ({"token": body} if body else {})
        headers = {"Authorization": f"Bearer {header}"} if header else {}
        params = {"token": query} if query else {}
        url = f"{gateway.url}/openwx/send_friend_message"
        async with gateway._http.post(url, params=params, data=request, headers=headers) as answer:
            return int((await answer.json())["code"])

    assert await code(reader, sender) == -8
    assert await code(sender, reader) == 0
    assert await code("wrong", sender) == 0
    assert await code("", reader, sender) == 0, "the body wins over the query"
    assert await code("", sender, reader) == -8
    assert await code("", sender, "wrong") == -6
    assert await code("wrong", "wrong") == -6
    assert await code("", "", sender) == 0


async def test_a_refused_scope_is_said_before_anything_else(gateway: Gateway) -> None:
    """Neither parameters nor a large body are looked at, and the account is not either."""
    reader = Caller(gateway, "read-of-mine-77d0")
    for name, data, kind in (
        ("send_friend_message", b"{", "application/json"),
        ("send_friend_message", b"%ff%fe=1", "application/x-www-form-urlencoded"),
        ("upload_media", b"x" * (3 << 20), "application/octet-stream"),
        ("upload_media", b'{"media_data":"' + b"A" * (3 << 20) + b'"}', "application/json"),
        ("create_group", b"<xml/>", "text/xml"),
    ):
        reply = await reader.call(
            name, method="POST", data=io.BytesIO(data), headers={"Content-Type": kind}
        )
        assert (reply.status, reply.code) == (403, -8), (name, kind, reply.body)
        assert "the key my-read has read" in reply.words


async def test_streams_follow_the_accounts_of_the_key(
    gateway: Gateway, wechat: MemoryTransports
) -> None:
    mine, theirs = (wechat.account(name).friend("小灰") for name in (MINE, THEIRS))
    async with event_source(gateway, token=OF_ALL, client=THEIRS) as all_of_theirs:
        theirs.says("secret")
        (*_, event) = await all_of_theirs.until("secret")
    only: dict[str, Any] = {"type": "receive_message", "token": "read-of-mine-77d0"}
    async with (
        event_source(gateway, **only, after="0") as stream,
        event_source(gateway, **only, last_id="0") as again,
        socket(gateway, **only, after="0") as ws,
    ):
        mine.says("mine")
        assert await stream.texts(1) == ["mine"]
        assert await again.texts(1) == ["mine"]
        assert await ws.texts(1) == ["mine"]
    # The id of another account's event is where to go on, and shows nothing of it.
    before = str(int(event.id) - 1)
    async with event_source(gateway, **only, last_id=before) as stream:
        mine.says("later")
        assert (await stream.until("later"))[-1].content == "later"
    for path in ("events", "ws"):
        for name in (THEIRS, "nobody"):
            url = f"{gateway.url}/openwx/{path}?token={only['token']}&client={name}&after=0"
            async with gateway._http.get(url) as answer:
                assert answer.status == 400
                assert THEIRS not in await answer.text()


async def test_a_socket_stays_with_the_key_that_opened_it(
    gateway: Gateway, wechat: MemoryTransports
) -> None:
    url = f"{gateway.url}/openwx/ws"
    async with gateway._http.ws_connect(url) as raw:
        await raw.send_json({"token": "read-of-mine-77d0"})
        assert (await raw.receive_json())["type"] == "cursor"
        await raw.send_json({"token": OF_ALL})
        message = {"id": 1, "call": "send_friend_message", "token": OF_ALL}
        await raw.send_json(
            {**message, "params": {"displayname": "小灰", "content": "x", "token": OF_ALL}}
        )
        answer = await raw.receive_json()
        assert (answer["id"], answer["http_status"], answer["answer"]["code"]) == (1, 403, -8)
        await raw.send_json(
            {"id": 2, "call": "get_client_info", "params": {"client": THEIRS}, "token": OF_ALL}
        )
        assert (await raw.receive_json())["answer"]["code"] == -2
    async with gateway._http.ws_connect(f"{url}?client={THEIRS}") as raw:
        await raw.send_json({"token": "full-of-mine-77d0"})
        end = await raw.receive_json()
        assert end["type"] == "end"
        assert end["reason"] == "client must be one of: mine"
    assert wechat.account(MINE).friend("小灰").texts == []


async def test_ids_of_another_account_mean_nothing(
    gateway: Gateway, wechat: MemoryTransports, world: World
) -> None:
    """Media, sent messages, deliveries and idempotency keys belong to their account."""
    me = Caller(gateway, OF_ALL)
    key = {"Idempotency-Key": "once"}
    given = {"client": THEIRS, "displayname": "小灰", "content": "theirs"}
    sent = await me.call("send_friend_message", method="POST", data=given, headers=key)
    assert sent.code == 0
    form = aiohttp.FormData({"client": THEIRS})
    form.add_field("media", b"secret of theirs", filename="secret.txt")
    media = (await me.call("upload_media", method="POST", data=form)).json
    world.receiver.forget()
    caller = Caller(gateway, "full-of-mine-77d0")
    to = {"displayname": "小灰"}
    mine = await caller.call(
        "send_friend_message", method="POST", data={**to, "content": "x"}, headers=key
    )
    assert (mine.code, mine.json["msg_id"] != sent.json["msg_id"]) == (0, True)
    own = media["media_id"]
    if not own.startswith("@"):  # the ids of WeChat's own uploads are WeChat's to judge
        assert (await caller.post("send_friend_message", **to, media_id=own)).code == 100
    for number in range(1, 60):
        assert (await caller.get("outbox_show", id=str(number))).json.get("code") in (0, 100)
        shown = (await caller.get("outbox_show", id=str(number))).body.decode()
        assert "theirs" not in shown


async def test_wrong_tokens_are_slowed_down_and_no_answer_tells_them_apart(
    gateway: Gateway,
) -> None:
    answers = set()
    for wrong in ("x", "read-of-mine-77d", "read-of-mine-77d0 x", "READ-OF-MINE-77D0", OF_ALL[:-1]):
        reply = await Caller(gateway, wrong).get("get_client_info", client=MINE)
        assert reply.status == 401
        answers.add(reply.body)
    assert len(answers) == 1
    began = asyncio.get_running_loop().time()
    await Caller(gateway, "again").get("get_client_info")
    assert asyncio.get_running_loop().time() - began >= 0.9
    assert (await Caller(gateway, "read-of-mine-77d0").get("get_client_info")).json["code"] == 0


# -- what is beside the routes -----------------------------------------------------------------------------


async def test_metrics_and_readiness_show_the_accounts_of_the_key(gateway: Gateway) -> None:
    mine, every = "read-of-mine-77d0", "read-of-all-5b1e"
    await Caller(gateway, mine).get("get_client_info")
    seen = (await ask(gateway, headers={"Authorization": f"Bearer {mine}"})).body.decode()
    assert 'openwx_account_state{account="mine",state="running"} 1.0' in seen
    assert 'openwx_calls_total{code="0",key="my-read"}' in seen
    assert 'account="theirs"' not in seen
    assert "openwx_requests" not in seen
    assert "openwx_streams" not in seen
    assert 'name="token"' not in seen
    whole = (await ask(gateway, headers={"Authorization": f"Bearer {every}"})).body.decode()
    assert 'openwx_account_state{account="theirs",state="running"} 1.0' in whole
    assert 'openwx_calls_total{code="0",key="token"}' in whole
    assert "openwx_requests_total{" in whole
    for text in (seen, whole):
        assert not [key for key in KEYS if key["token"] in text]
    readiness = (await ask(gateway, f"/readyz?token={mine}")).json
    assert list(readiness["accounts"]) == [MINE]
    assert "accounts" not in (await ask(gateway, "/readyz")).json
    assert (await ask(gateway, "/metrics")).status == 401


async def test_a_key_for_some_accounts_leaves_the_metrics_of_others_alone(
    gateway: Gateway,
) -> None:
    every = {"Authorization": "Bearer read-of-all-5b1e"}
    assert "python_info{" in (await ask(gateway, headers=every)).body.decode()
    await ask(gateway, headers={"Authorization": "Bearer read-of-mine-77d0"})
    assert "python_info{" in (await ask(gateway, headers=every)).body.decode()


@pytest.fixture
async def visitor(gateway: Gateway, comes: Comes) -> Visitor:
    return comes(gateway)


ACTIONS = {
    "chat": "send",
    "mark-read": "send",
    "contacts/refresh": "full",
    "verify-code": "full",
    "name": "full",
    "ilink": "full",
    "start": "full",
    "stop": "full",
    "deliveries/retry": "full",
    "deliveries/drop": "full",
}


@pytest.mark.parametrize("scope", SCOPES)
async def test_the_console_shows_and_does_what_the_key_allows(
    gateway: Gateway, visitor: Visitor, wechat: MemoryTransports, world: World, scope: str
) -> None:
    friend = wechat.account(MINE).friend("小灰")
    friend.says("hello")
    page = await visitor.logs_in(f"{scope}-of-mine-77d0")
    assert page.url.endswith(f"/console/accounts/{MINE}"), "the only account"
    assert THEIRS not in page.html
    assert f"Key my-{scope}, scope {scope}" in page.text
    pages = ("", "/chats", "/contacts", "/feed", "/deliveries", f"/chat?id={friend.record.id}")
    visitor.here = page
    for path in pages:
        page = await visitor.ask("GET", f"/console/accounts/{MINE}{path}")
        assert page.status == 200, (path, page.text)
        # The address may contain a secret of the backend.
        assert (world.receiver.url in page.html) == (path == "/deliveries" and scope == "full")
        foreign = await visitor.ask("GET", f"/console/accounts/{THEIRS}{path}")
        unknown = await visitor.ask("GET", f"/console/accounts/nobody{path}")
        assert (foreign.status, unknown.status) == (404, 404)
        assert foreign.text.replace(THEIRS, "nobody") == unknown.text
    for path, needed in ACTIONS.items():
        is_shown = f"/console/accounts/{MINE}/{path}" in page.links() if path == "chat" else None
        reply = await visitor.submits(f"/console/accounts/{MINE}/{path}")
        assert (reply.status == 403) == (SCOPES[scope] < SCOPES[needed]), (path, reply.text)
        if reply.status == 403:
            assert f"this needs {needed}" in reply.text
            assert not is_shown
        foreign = await visitor.submits(
            f"/console/accounts/{THEIRS}/{path}", id=friend.record.id, content="x"
        )
        assert foreign.status == (403 if SCOPES[scope] < SCOPES[needed] else 404), path
    assert wechat.account(THEIRS).friend("小灰").texts == []


async def test_buttons_are_where_they_do_something(
    gateway: Gateway, visitor: Visitor, wechat: MemoryTransports
) -> None:
    friend = wechat.account(MINE).friend("小灰")
    sends = {"chat", "mark-read"}
    for scope, shown in (("read", set()), ("send", sends), ("full", {*sends, "stop", "refresh"})):
        base = f"/console/accounts/{MINE}"
        pages = [
            await visitor.logs_in(f"{scope}-of-mine-77d0"),
            await visitor.open(f"{base}/chat?id={friend.record.id}"),
            await visitor.open(f"{base}/contacts"),
        ]
        actions = [
            one for page in pages for one in re.findall(r'post" .*?action="([^"?]*)', page.html)
        ]
        forms = {action.rpartition("/")[2] for action in actions}
        assert forms & {*sends, "stop", "start", "refresh"} == shown, scope
        assert "logout" in forms


async def test_a_console_session_is_the_key_s_and_ends_with_the_process(
    gateway: Gateway, visitor: Visitor, world: World
) -> None:
    await visitor.logs_in("read-of-mine-77d0")
    assert "Log in" not in (await visitor.open("/console")).text
    # The cookie is for pages only: it is no token of the API.
    async with visitor.http.get(f"{gateway.url}/openwx/get_client_info") as answer:
        assert answer.status == 401
    (cookie,) = (one for one in visitor.jar if one.key.startswith("openwx_console"))
    await gateway.stop()
    again = await world.start(settings=gateway.settings)
    port = again.url.rpartition(":")[2]
    headers = {"Cookie": f"openwx_console_{port}={cookie.value}"}
    async with visitor.http.get(
        f"{again.url}/console", headers=headers, allow_redirects=False
    ) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/console/login")


async def test_the_live_page_is_of_the_key_s_account(gateway: Gateway, visitor: Visitor) -> None:
    await visitor.logs_in("read-of-mine-77d0")
    assert (
        await visitor.ask("GET", f"/console/accounts/{THEIRS}/live?view=feed&after=0")
    ).status == 404


# -- the audit log -----------------------------------------------------------------------------------------


def audited(log: Log) -> Iterator[dict[str, Any]]:
    for line in log.lines:
        if line["logger"] == "openwx.audit":
            yield line


async def test_what_changes_something_has_a_line(
    gateway: Gateway, visitor: Visitor, wechat: MemoryTransports, log: Log
) -> None:
    friend = wechat.account(MINE).friend("小灰")
    caller = Caller(gateway, "send-of-mine-77d0")
    await caller.post("send_friend_message", id=friend.record.id, content="a private text")
    await caller.post("send_friend_message", displayname="小灰", content="a private text")
    await caller.post("kick_group_member", id="@@g\nforged \x1b[2J\u202e", members="a", client=MINE)
    await caller.get("get_user_info")
    await caller.get("check_event", timeout="0")
    await Caller(gateway, "a-wrong-token").get("get_user_info")
    async with socket(gateway, token="full-of-all-5b1e", client=THEIRS) as ws:
        await ws.call("outbox_drop", id="all")
    await visitor.logs_in("another-wrong-token")
    await visitor.logs_in("full-of-mine-77d0")
    await visitor.open(f"/console/accounts/{MINE}/deliveries")
    await visitor.submits(f"/console/accounts/{MINE}/deliveries/retry", id="all")
    lines = [
        (
            one.get("key"),
            one.get("via"),
            one.get("route"),
            one.get("account"),
            one.get("about"),
            one["code"],
        )
        for one in audited(log)
    ]
    console = "/console/accounts/{account}"
    forged = "@@g\\nforged \\x1b[2J\\u202e a"
    assert lines == [
        ("my-send", "http", "send_friend_message", MINE, friend.record.id, 0),
        ("my-send", "http", "send_friend_message", MINE, lines[1][4], 0),
        ("my-send", "http", "kick_group_member", MINE, forged, -8),
        (None, None, "get_user_info", None, None, -6),
        ("all-full", "ws", "outbox_drop", THEIRS, "all", 0),
        (None, None, None, None, None, -6),
        ("my-full", "console", "/console/login", "", "", 0),
        ("my-full", "console", f"{console}/deliveries/retry", MINE, "all", 0),
    ]
    assert str(lines[1][4]).endswith(f":{friend.record.id}"), "the id that the answer has"
    text = log.stream.getvalue()
    assert "a private text" not in "".join(str(one) for one in audited(log))
    assert not [token for token in (OF_ALL, *(key["token"] for key in KEYS)) if token in text]
    assert "wrong-token" not in text
    assert {one["address"] for one in audited(log)} == {"127.0.0.1"}
    assert {one["level"] for one in audited(log)} == {"info", "warning"}


async def test_over_a_socket_a_line_names_the_account_of_the_call(
    gateway: Gateway, log: Log
) -> None:
    async with socket(gateway, token="full-of-all-5b1e", client=MINE) as ws:
        await ws.call("start_client", client=THEIRS)
        await ws.call("outbox_drop", client="nobody", id="all")
        await ws.call("outbox_drop", id="all")
    lines = [(one["route"], one["account"], one["code"]) for one in audited(log)]
    assert lines == [
        ("start_client", THEIRS, 0),
        ("outbox_drop", "nobody", -2),
        ("outbox_drop", MINE, 0),
    ]


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"{", "application/json", -8),
        (b"x" * 1_100_000, "application/x-www-form-urlencoded", -8),
        (b"id=%FF", "application/x-www-form-urlencoded", -8),
    ],
    ids=["broken", "too large", "no text"],
)
async def test_a_refusal_before_the_body_is_read_has_a_line_too(
    gateway: Gateway, log: Log, body: bytes, kind: str, code: int
) -> None:
    reply = await Caller(gateway, "read-of-mine-77d0").call(
        f"send_friend_message?client={MINE}&id=@x",
        method="POST",
        data=io.BytesIO(body),
        headers={"Content-Type": kind},
    )
    assert reply.code == code
    (line,) = audited(log)
    assert (line["key"], line["route"], line["account"], line["about"], line["code"]) == (
        "my-read", "send_friend_message", MINE, "@x", code,
    )  # fmt: skip


async def test_other_lines_name_the_key(gateway: Gateway, log: Log) -> None:
    await Caller(gateway, "read-of-mine-77d0").get("get_user_info", strange="1")
    assert log.line("the parameter 'strange' is ignored")["key"] == "my-read"


async def test_without_a_token_everybody_is_anonymous(world: World, log: Log) -> None:
    gateway = await world.run()
    await gateway.post("outbox_drop", id="all")
    (line,) = audited(log)
    assert line["message"] == (
        "anonymous from 127.0.0.1 by http: outbox_drop on default about all: code 0"
    )
    assert logging.getLogger("openwx.audit").getEffectiveLevel() <= logging.INFO


# -- keys alone --------------------------------------------------------------------------------------------


async def test_keys_alone_close_the_door(world: World) -> None:
    access = AccessSettings.model_validate({"keys": [KEYS[0]]})
    gateway = await world.start(settings=world.settings().model_copy(update={"access": access}))
    assert (await gateway.get("get_client_info")).status == 401
    assert (await ask(gateway, "/metrics")).status == 401
    async with gateway._http.get(f"{gateway.url}/console", allow_redirects=False) as answer:
        assert answer.headers["Location"] == "/console/login"
    assert (await Caller(gateway, KEYS[0]["token"]).get("get_client_info")).json["code"] == 0


async def test_commands_use_a_key_of_everything(world: World, typed: Typed) -> None:
    every = AccessSettings.model_validate({"keys": KEYS})
    settings = world.settings().model_copy(update={"access": every})
    await world.start(settings=settings)
    environ = {"OPENWX_ACCESS__KEYS": msgspec.json.encode(KEYS).decode()}
    for command in (["status"], ["outbox", "list"]):
        code, out, err = await typed(*command, **environ)
        assert code in (0, 1), err
        assert "default" in out or "no delivery failed" in out
        assert not [key for key in KEYS if key["token"] in out + err]
    limited = [key for key in KEYS if key["scope"] != "full" or "accounts" in key]
    environ["OPENWX_ACCESS__KEYS"] = msgspec.json.encode(limited).decode()
    for command in (["status"], ["outbox", "list"]):
        code, out, err = await typed(*command, **environ)
        assert code == 2
        assert "needs access.token, or a key in [[access.keys]] with the scope full" in err
