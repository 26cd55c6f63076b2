"""Programs that worked with the original work unchanged (contract, section 5.1): the smallest requests, as bytes."""

import re
from urllib.parse import quote

import pytest

from openwx.api.app import routes

from .rawcalls import Bench

FORM = "Content-Type: application/x-www-form-urlencoded"
JSON = "Content-Type: application/json"
SEND = "/openwx/send_friend_message"
TO = f"{SEND}?id=filehelper&content=hi"
STREAMS = ("events", "ws")
READ = [row.name for row in routes() if row.reads]
DO = [row.name for row in routes() if not row.reads]

pytestmark = pytest.mark.usefixtures("nothing_sent_yet")


# -- addresses and methods -------------------------------------------------------------------------------


def test_a_trailing_slash(bench: Bench) -> None:
    for name in ("get_user_info", "get_friend_info", "check_client", "search_friend"):
        with_slash, without = bench.gets(f"/openwx/{name}/"), bench.gets(f"/openwx/{name}")
        assert (with_slash.status, with_slash.headers["Content-Type"]) == (
            without.status, without.headers["Content-Type"],
        )  # fmt: skip
    assert bench.gets("/openwx/get_user_info/").body == bench.gets("/openwx/get_user_info").body
    assert bench.gets(f"{SEND}/?id=filehelper&content=slash").code == 0
    assert bench.posts(f"{SEND}/", b"id=filehelper&content=posted", FORM).code == 0
    assert bench.sent() == ["slash", "posted"]
    assert bench.gets("/openwx/get_user_info/x").status == 404


def test_every_route_with_a_slash_is_the_route(bench: Bench) -> None:
    """Without a token of anything to do, so that nothing happens."""
    for row in routes():
        for path in row.paths:
            assert bench.gets(f"{path}/", method="PUT").status == 405, path


@pytest.mark.parametrize("name", [name for name in READ if name not in STREAMS])
@pytest.mark.parametrize("slash", ["", "/"])
def test_head_of_what_only_reads(bench: Bench, name: str, slash: str) -> None:
    path = f"/openwx/{name}{slash}"
    got, headed, again = bench.gets(path), bench.gets(path, method="HEAD"), bench.gets(path)
    while len(got.body) != len(again.body):  # the state of the account went on meanwhile
        got, headed, again = again, bench.gets(path, method="HEAD"), bench.gets(path)
    assert headed.body == b""
    assert headed.status == got.status
    for headers in (got.headers, headed.headers):
        headers.pop("Date")
    assert headed.headers == got.headers


def test_head_of_a_list_that_is_written_in_pieces(bench: Bench) -> None:
    headed = bench.gets("/openwx/get_group_info", method="HEAD")
    assert (headed.status, headed.body) == (200, b"")


def test_head_of_a_stream_has_an_end(bench: Bench) -> None:
    headed = bench.gets("/openwx/events", method="HEAD")
    assert (headed.status, headed.body) == (200, b"")
    assert headed.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert bench.gets("/openwx/ws", method="HEAD").status == bench.gets("/openwx/ws").status == 400


@pytest.mark.parametrize(
    "path", ["/docs", "/openapi.json", "/healthz", "/readyz", "/metrics", "/console"]
)
def test_head_of_pages(bench: Bench, path: str) -> None:
    headed = bench.gets(path, method="HEAD")
    assert (headed.status, headed.body) == (bench.gets(path).status, b"")


@pytest.mark.parametrize("name", DO)
def test_head_does_nothing(bench: Bench, name: str) -> None:
    for slash in ("", "/"):
        headed = bench.gets(
            f"/openwx/{name}{slash}?id=filehelper&content=x&timeout=0", method="HEAD"
        )
        assert (headed.status, headed.body) == (405, b"")
        assert "HEAD" not in headed.headers["Allow"]
    assert bench.sent() == []


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/openwx/get_user_infos", "get_user_info"),
        ("/openwx/send_msg", "send_message"),
        ("/openwx/getFriendInfo", "get_friend_info"),
        ("/openwx/Send-Group-Message/", "send_group_message"),
        ("/get_user_info", "get_user_info"),
        ("/openwx/openwx/check_client", "check_client"),
    ],
)
def test_an_unknown_route_names_near_ones(bench: Bench, path: str, meant: str) -> None:
    answer = bench.gets(path)
    assert (answer.status, answer.code) == (404, -9)
    assert meant in answer.words
    assert "/docs" in answer.words


def test_an_unknown_route_that_is_like_none(bench: Bench) -> None:
    for path in ("/openwx/nosuch", "/openwx/" + "x" * 5000, "/openwx/%ff", "/openwx/"):
        answer = bench.gets(path)
        assert (answer.status, answer.code) == (404, -9)
        assert "did you mean" not in answer.words
        assert "/docs" in answer.words


# -- parameters in the query, and a body that nobody can use -----------------------------------------------

UNUSABLE = [
    (b"hello", "Content-Type: text/plain"),
    (b"id=@nobody&content=x", "Content-Type: text/plain;charset=UTF-8"),
    (b"<xml><id>@nobody</id></xml>", "Content-Type: text/xml"),
    (b"<xml/>", "Content-Type: application/xml; charset=utf-8"),
    (b"\x89PNG", "Content-Type: application/octet-stream"),
    (b"hello", "X-No-Type: x"),
    (b"{", JSON),
    (b'{"id": "@nobody",}', JSON),
    (b"{'id': '@nobody'}", JSON),
    (b"id=@nobody", JSON),
    (b"undefined", JSON),
    (b"null", JSON),
    (b"[]", JSON),
    (b'["@nobody"]', JSON),
    (b'"@nobody"', JSON),
    (b"1", JSON),
    (b"{}", JSON),
    (b'{"msg": {"a": [1, null, {"b": true}]}, "list": ["x"], "n": null, "x": 1.5e300}', JSON),
    (b'{"a": 1, "a": 2, "\\ud83d": "\\udc00", "b": "\\u0000"}', JSON),
    (b'{"a": 1}', FORM),
    (b"a=1&a=2&b=%ff&c=%00&%ff=1", FORM),
    (b"&&=&=x", FORM),
    (b"x", "Content-Type: multipart/form-data"),
    (
        b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n\xff\r\n--b--\r\n',
        "Content-Type: multipart/form-data; boundary=b",
    ),
    (
        b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n\xff\r\n--b--\r\n',
        "Content-Type: multipart/form-data; boundary=b",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("body", "label"), UNUSABLE, ids=str)
def test_the_query_counts_and_the_body_is_ignored(bench: Bench, body: bytes, label: str) -> None:
    answer = bench.posts(f"{SEND}?id=filehelper&content=hi", body, label)
    assert (answer.status, answer.code) == (200, 0), answer.body
    for name in ("get_user_info", "check_client", "get_client_info"):
        assert bench.posts(f"/openwx/{name}", body, label).status == 200
    # Also with GET, as some clients write it.
    answer = bench.posts(f"{SEND}?id=filehelper&content=ho", body, label, method="GET")
    assert (answer.status, answer.code) == (200, 0), answer.body
    assert bench.sent() == ["hi", "ho"]


@pytest.mark.parametrize(("body", "label"), [one for one in UNUSABLE if one[0] != b"{}"], ids=str)
def test_a_body_that_carried_everything_is_explained(bench: Bench, body: bytes, label: str) -> None:
    answer = bench.posts(SEND, body, label)
    assert (answer.status, answer.code) == (400, -2)
    assert re.search(r"the body (must be|was ignored)|which friend", answer.words)
    half = bench.posts(f"{SEND}?id=filehelper", body, label)
    assert (half.status, half.code) == (400, -2)
    assert "content is missing" in half.words
    assert bench.sent() == []


@pytest.mark.parametrize(
    ("body", "label", "words"),
    [
        (b"id=filehelper&content=x", "Content-Type: text/plain", "its Content-Type must say so"),
        (b'{"id": "filehelper", "content": "x"', JSON, "valid JSON"),
        (b'[{"id": "filehelper", "content": "x"}]', JSON, "a JSON object"),
        (b'{"id": "filehelper", "content": "x"}', FORM, "application/json"),
        (b"x", "Content-Type: multipart/form-data", "boundary"),
    ],
)
def test_what_is_wrong_with_a_body_is_said_where_something_is_missing(
    bench: Bench, body: bytes, label: str, words: str
) -> None:
    for target in (SEND, f"{SEND}?id=filehelper"):
        answer = bench.posts(target, body, label)
        assert (answer.status, answer.code) == (400, -2)
        assert words in answer.words


def test_an_ignored_body_has_one_line_in_the_log(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        answer = bench.posts("/openwx/get_friend_info?x=y", b"<xml/>", "Content-Type: text/xml")
        assert answer.status == 200
        assert answer.headers["Openwx-Ignored"] == "(body), x"
    lines = [one.getMessage() for one in caplog.records if "get_friend_info" in one.getMessage()]
    assert len([line for line in lines if "the body is ignored" in line]) == 1, lines
    assert len(lines) == 2


def test_known_parameters_of_a_body_are_judged(bench: Bench) -> None:
    for body, label in [
        (b'{"content": ["x"]}', JSON),
        (b'{"content": {"text": "x"}}', JSON),
        (b'{"content": "a", "content": "b"}', JSON),
        (rb'{"content": "\ud83d"}', JSON),
        (b"content=%ff", FORM),
        (b"content=a&content=b", FORM),
    ]:
        answer = bench.posts(f"{SEND}?id=filehelper&content=hi", body, label)
        assert (answer.status, answer.code) == (400, -2)
        assert "content" in answer.words
    assert bench.sent() == []


def test_unusable_bodies_do_not_hide_what_something_is_for(bench: Bench) -> None:
    """What is done without any parameter is not done because they could not be read."""
    for name in ("stop_client", "check_event", "outbox_drop"):
        answer = bench.posts(f"/openwx/{name}", b'{"client": "other"', JSON)
        assert (answer.status, answer.code) == (400, -2)


# -- parameters that nobody knows ---------------------------------------------------------------------------


def test_unknown_parameters_are_accepted_and_said(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    answer = bench.gets(f"{TO}&contnet=x&colour=red&_=123&callback=f&client=default")
    assert answer.code == 0
    assert answer.headers["Openwx-Ignored"] == "contnet, colour"
    lines = [one.getMessage() for one in caplog.records if "is ignored" in one.getMessage()]
    assert len([line for line in lines if "did you mean content?" in line]) == 1, lines
    assert len([line for line in lines if "'colour' is ignored" in line]) == 1
    caplog.clear()
    assert bench.gets(f"{TO}&contnet=x&colour=red").headers["Openwx-Ignored"]
    assert not [one for one in caplog.records if "is ignored" in one.getMessage()]
    assert "Openwx-Ignored" not in bench.gets(f"{TO}&_=1").headers


def test_names_of_strangers_in_the_header_and_the_log(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    names = ["%0d%0aSet-Cookie:%20a=b", quote("颜色"), "%ff", "x" * 5000, "a,b", "%1b[31m", "%00"]
    query = "&".join(f"{name}=1" for name in names)
    answer = bench.gets(f"/openwx/get_user_info?{query}")
    assert answer.status == 200
    assert "Set-Cookie" not in answer.headers
    found = answer.headers["Openwx-Ignored"]
    assert found.isascii()
    assert found.isprintable()
    assert len(found) < 1000
    assert len(found.split(", ")) == len(names)
    for record in caplog.records:
        assert record.getMessage().isprintable()
        assert len(record.getMessage()) < 300


def test_made_up_names_fill_neither_log_nor_header(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    for begin in range(0, 900, 90):
        query = "&".join(f"made_up_{number}=1" for number in range(begin, begin + 90))
        answer = bench.gets(f"/openwx/get_user_info?{query}")
        assert len(answer.headers["Openwx-Ignored"].split(", ")) <= 20
    assert len(caplog.records) <= 100


def test_attributes_of_a_search_are_judged(bench: Bench) -> None:
    answer = bench.gets("/openwx/search_friend?colour=red&displayname=x")
    assert (answer.status, answer.code) == (400, -2)
    assert "colour" in answer.words
    # A body that has nothing to do with it is none of them.
    answer = bench.posts("/openwx/search_friend?displayname=x", b'{"colour": ["red"]}', JSON)
    assert (answer.status, answer.code) == (200, 100)


# -- bytes and labels -----------------------------------------------------------------------------------------

GBK = "你好，世界".encode("gbk")
AS_GBK = quote(GBK).encode()


@pytest.mark.parametrize(
    "label", ["ISO-8859-1", "latin1", "gbk", "GB2312", "us-ascii", "utf-16", "nonsense", '"utf8"']
)
def test_bytes_count_not_the_label(bench: Bench, label: str) -> None:
    for body, kind in [
        (b"id=filehelper&content=plain", FORM),
        ("id=filehelper&content=你好".encode(), FORM),
        (f"id=filehelper&content={quote('你好')}".encode(), FORM),
        (b'{"id": "filehelper", "content": "plain"}', JSON),
        ('{"id": "filehelper", "content": "你好"}'.encode(), JSON),
        ('\ufeff{"id": "filehelper", "content": "你好"}'.encode(), JSON),
        (
            '--b\r\nContent-Disposition: form-data; name="id"\r\n\r\nfilehelper\r\n'
            '--b\r\nContent-Disposition: form-data; name="content"\r\n\r\n你好\r\n--b--\r\n'.encode(),
            "Content-Type: multipart/form-data; boundary=b",
        ),
        (
            b'--b\r\nContent-Disposition: form-data; name="id"\r\n\r\nfilehelper\r\n'
            b'--b\r\nContent-Disposition: form-data; name="content"\r\nContent-Type: text/plain; charset='
            + label.encode() + "\r\n\r\n你好\r\n--b--\r\n".encode(),
            "Content-Type: multipart/form-data; boundary=b",
        ),
    ]:  # fmt: skip
        answer = bench.posts(SEND, body, f"{kind}; charset={label}")
        assert (answer.status, answer.code) == (200, 0), answer.body
    assert bench.sent() == ["plain", "你好", "你好", "plain", "你好", "你好", "你好", "你好"]


@pytest.mark.parametrize("label", ["gbk", "GBK", "gb2312", "gb18030", "cp936"])
def test_gb18030_where_it_is_labelled_so(bench: Bench, label: str) -> None:
    for body, kind in [
        (b"id=filehelper&content=" + GBK, FORM),
        (b"id=filehelper&content=" + AS_GBK, FORM),
        (b'{"id": "filehelper", "content": "' + GBK + b'"}', JSON),
        (
            b'--b\r\nContent-Disposition: form-data; name="id"\r\n\r\nfilehelper\r\n'
            b'--b\r\nContent-Disposition: form-data; name="content"\r\n\r\n' + GBK + b"\r\n--b--\r\n",
            "Content-Type: multipart/form-data; boundary=b",
        ),
    ]:  # fmt: skip
        answer = bench.posts(SEND, body, f"{kind}; charset={label}")
        assert (answer.status, answer.code) == (200, 0), answer.body
    answer = bench.gets(
        SEND.encode() + b"?id=filehelper&content=" + AS_GBK, f"{FORM}; charset={label}"
    )
    assert answer.code == 0
    assert bench.sent() == ["你好，世界"] * 5


def test_a_body_is_of_one_encoding(bench: Bench) -> None:
    """Some words in GBK happen to be valid UTF-8; what stands beside them shows what they are."""
    by_chance = "模".encode("gbk")
    assert by_chance.decode()
    body = b"id=filehelper&content=" + by_chance + b"&displayname=&markname=" + GBK
    answer = bench.posts(
        "/openwx/set_markname", body + b"&new_markname=" + by_chance, f"{FORM}; charset=gbk"
    )
    assert (answer.status, answer.code) == (200, 100), "there is nobody called so, and it was read"
    escaped = '{"id": "filehelper", "content": "你\\\\"}'.encode("gbk")
    assert bench.posts(SEND, escaped, f"{JSON}; charset=gbk").code == 0
    trail = '{"id": "filehelper", "content": "誠"}'.encode("gbk")
    assert b'\\"' in trail, "its last byte is a backslash"
    assert bench.posts(SEND, trail, f"{JSON}; charset=gbk").code == 0
    assert bench.sent() == ["你\\", "誠"]


@pytest.mark.parametrize(
    "label", ["", "; charset=utf-8", "; charset=iso-8859-1", "; charset=big5", "; charset=utf-16"]
)
def test_other_bytes_are_refused(bench: Bench, label: str) -> None:
    for body, kind in [
        (b"id=filehelper&content=" + GBK, FORM),
        (b"id=filehelper&content=" + AS_GBK, FORM),
        (b'{"id": "filehelper", "content": "' + GBK + b'"}', JSON),
    ]:
        answer = bench.posts(SEND, body, kind + label)
        assert (answer.status, answer.code) == (400, -2)
        assert "UTF-8" in answer.words
    answer = bench.posts(SEND, b"id=filehelper&content=\xff\xff", f"{FORM}; charset=gbk")
    assert (answer.status, answer.code) == (400, -2)
    answer = bench.gets(SEND.encode() + b"?id=filehelper&content=" + AS_GBK)
    assert (answer.status, answer.code) == (400, -2)
    assert "content must be UTF-8" in answer.words
    assert bench.sent() == []


def test_a_file_name_needs_no_label(bench: Bench) -> None:
    """Programs on Chinese Windows write names of files in GB18030."""
    answer = bench.posts(
        SEND, b"id=filehelper&media_data=aGVsbG8=&media_name=" + GBK + b".txt", FORM
    )
    assert (answer.status, answer.code) == (200, 0), answer.body
    file = bench.thread.do(lambda: bench.account.sent[-1].medium)
    assert file is not None
    assert file.name == "你好，世界.txt"


# -- yes and no, and the names of routes ----------------------------------------------------------------------


@pytest.mark.parametrize("yes", ["1", "2", "-1", "10", "0.5", "1e3", "true", "yes", "on", "True"])
def test_numbers_other_than_0_are_true(bench: Bench, yes: str) -> None:
    answer = bench.gets(f"{TO}&async={yes}")
    assert answer.json["status"] == "request already in execution"
    group = bench.account.groups[0]
    bench.thread.do(lambda: setattr(group, "pinned", False))
    session = bench.account.session
    assert session is not None
    id_ = bench.thread.do(lambda: session.id_of(group))
    assert bench.gets(f"/openwx/stick?id={id_}&op={yes}").code == 0
    assert group.pinned
    assert bench.gets(f"/openwx/events?media_data={yes}", method="HEAD").status == 200


@pytest.mark.parametrize("no", ["0", "00", "0.0", "-0", "false", "no", "off", "False"])
def test_0_is_false(bench: Bench, no: str) -> None:
    assert bench.gets(f"{TO}&async={no}").json["status"] == "发送成功"


@pytest.mark.parametrize("neither", ["maybe", "nan", "1x", "0x1", "[]"])
def test_what_is_neither(bench: Bench, neither: str) -> None:
    for name in ("async", "op"):
        target = (
            f"{TO}&async={neither}"
            if name == "async"
            else f"/openwx/stick?id=filehelper&op={neither}"
        )
        answer = bench.gets(target)
        assert (answer.status, answer.code) == (400, -2)
        assert name in answer.words
    assert bench.sent() == []


@pytest.mark.parametrize(
    ("literal", "is_async"),
    [
        *((yes, True) for yes in (b"1", b"true", b"2", b"1.0", b'"1"')),
        *((no, False) for no in (b"0", b"false", b"null", b'""')),
    ],
)  # fmt: skip
def test_a_json_number_or_boolean_is_as_good_as_its_text(
    bench: Bench, literal: bytes, is_async: bool
) -> None:
    body = b'{"id": "filehelper", "content": 12.50, "async": ' + literal + b"}"
    answer = bench.posts(SEND, body, JSON)
    assert (answer.json["status"] == "request already in execution") is is_async
    pinned = bench.posts("/openwx/stick", b'{"id": "filehelper", "op": ' + literal + b"}", JSON)
    assert pinned.code == 0
    answer = bench.posts("/openwx/outbox", b'{"limit": 5.0, "colour": ' + literal + b"}", JSON)
    assert answer.code == 0


@pytest.mark.parametrize("route", ["stick", "sticky_group"])
def test_without_op_it_is_pinned(bench: Bench, route: str) -> None:
    group = bench.account.groups[0]
    session = bench.account.session
    assert session is not None
    id_ = bench.thread.do(lambda: session.id_of(group))
    for op in ("", "&op="):
        bench.thread.do(lambda: setattr(group, "pinned", False))
        assert bench.gets(f"/openwx/{route}?id={id_}{op}").code == 0
        assert group.pinned


def test_send_message_finds_friends_and_groups(bench: Bench) -> None:
    session = bench.account.session
    assert session is not None
    group, friend = bench.account.groups[0], bench.account.friend("小灰")
    group_id = bench.thread.do(lambda: session.id_of(group))
    friend_id = bench.thread.do(lambda: session.id_of(friend))
    assert group_id.startswith("@@")
    for id_ in (group_id, friend_id, "filehelper"):
        answer = bench.gets(f"/openwx/send_message?id={id_}&content=old")
        assert answer.code == 0
        assert answer.json["id"].endswith(id_)
    assert (
        bench.posts(
            "/openwx/send_message", f"displayname={quote('小灰')}&content=old".encode(), FORM
        ).code
        == 0
    )
    assert bench.sent() == ["old"] * 4
    receivers = bench.thread.do(lambda: [one.to for one in bench.account.sent[-4:]])
    assert receivers[0] is group
    assert receivers[1] is receivers[3] is friend
    for wrong in ("id=@@nobody", "id=@nobody", f"id={group_id}&displayname=x"):
        assert bench.gets(f"/openwx/send_message?{wrong}&content=x").code == 100
    assert bench.gets(f"/openwx/send_message?id={group_id}&account=x&content=x").code == -2
    assert bench.gets("/openwx/send_message?content=x").code == -2
    assert bench.gets(f"/openwx/send_message?id={group_id}").code == -2


@pytest.mark.parametrize("name", ["Openwx-Client", "Idempotency-Key"])
def test_a_header_that_says_two_things(bench: Bench, name: str) -> None:
    twice = bench.gets(TO, f"{name}: default", f"{name}: other")
    assert (twice.status, twice.code) == (400, -2)
    assert "must be given once" in twice.words
    assert bench.sent() == []
    assert bench.gets(TO, f"{name}: default", f"{name}: default").code == 0
    assert bench.sent() == ["hi"]


def test_an_empty_key_of_the_head_is_none(bench: Bench) -> None:
    assert bench.gets(f"{TO}&idempotency_key=only", "Idempotency-Key: ").code == 0
    assert bench.gets(f"{TO}&idempotency_key=only", "Idempotency-Key: only").code == 0
    assert bench.sent() == ["hi"]
