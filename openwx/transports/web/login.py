"""From nothing to a session (protocol reference, section 2). ``LoginFlow`` makes the calls.

::

    fetch_uuid ─┐
                ├─> poll ... 408 ─> 201 scanned ─> 408 ... ─> 200 confirmed ─> fetch_session
    push_login ─┘        └─ 400: the code is of no use any more
"""

import re
from typing import Literal

import msgspec

from openwx.domain.text import plain
from openwx.errors import BadResponse, LoginRefused
from openwx.transports.hosts import DEFAULT_DOMAIN
from openwx.transports.web import wire
from openwx.transports.web.clock import inverted_ms, now_ms
from openwx.transports.web.http import MAIN, Call, Http
from openwx.transports.web.session import Session, domain_of
from openwx.urls import parsed

APP_ID = "wx782c26e4c19acffb"
Mode = Literal["desktop", "web"]

DESKTOP_HEADERS = {
    "client-version": "2.0.0",
    "extspam": (
        "Gp8ICJkIEpkICggwMDAwMDAwMRAGGoAI1GiJSIpeO1RZTq9QBKsRbPJdi84ropi16EYI10WB6g74sGmRwSNXjPQnYUKYotKkvLGpshucCaeW"
        "ZMOylnc6o2AgDX9grhQQx7fm2DJRTyuNhUlwmEoWhjoG3F0ySAWUsEbH3bJMsEBwoB//0qmFJob74ffdaslqL+IrSy7LJ76/G5TkvNC+J0VQ"
        "kpH1u3iJJs0uUYyLDzdBIQ6Ogd8LDQ3VKnJLm4g/uDLe+G7zzzkOPzCjXL+70naaQ9medzqmh+/SmaQ6uFWLDQLcRln++wBwoEibNpG4uOJv"
        "qXy+ql50DjlNchSuqLmeadFoo9/mDT0q3G7o/80P15ostktjb7h9bfNc+nZVSnUEJXbCjTeqS5UYuxn+HTS5nZsPVxJA2O5GdKCYK4x8lTTK"
        "ShRstqPfbQpplfllx2fwXcSljuYi3YipPyS3GCAqf5A7aYYwJ7AvGqUiR2SsVQ9Nbp8MGHET1GxhifC692APj6SJxZD3i1drSYZPMMsS9rKA"
        "JTGz2FEupohtpf2tgXm6c16nDk/cw+C7K7me5j5PLHv55DFCS84b06AytZPdkFZLj7FHOkcFGJXitHkX5cgww7vuf6F3p0yM/W73SoXTx6GX"
        "4G6Hg2rYx3O/9VU2Uq8lvURB4qIbD9XQpzmyiFMaytMnqxcZJcoXCtfkTJ6pI7a92JpRUvdSitg967VUDUAQnCXCM/m0snRkR9LtoXAO1FUG"
        "pwlp1EfIdCZFPKNnXMeqev0j9W9ZrkEs9ZWcUEexSj5z+dKYQBhIICviYUQHVqBTZSNy22PlUIeDeIs11j7q4t8rD8LPvzAKWVqXE+5lS1JP"
        "Zkjg4y5hfX1Dod3t96clFfwsvDP6xBSe1NBcoKbkyGxYK0UvPGtKQEE0Se2zAymYDv41klYE9s+rxp8e94/H8XhrL9oGm8KWb2RmYnAE7ry9"
        "gd6e8ZuBRIsISlJAE/e8y8xFmP031S6Lnaet6YXPsFpuFsdQs535IjcFd75hh6DNMBYhSfjv456cvhsb99+fRw/KVZLC3yzNSCbLSyo9d9BI"
        "45Plma6V8akURQA/qsaAzU0VyTIqZJkPDTzhuCl92vD2AD/QOhx6iwRSVPAxcRFZcWjgc2wCKh+uCYkTVbNQpB9B90YlNmI3fWTuUOUjwOzQ"
        "RxJZj11NsimjOJ50qQwTTFj6qQvQ1a/I+MkTx5UO+yNHl718JWcR3AXGmv/aa9rD1eNP8ioTGlOZwPgmr2sor2iBpKTOrB83QgZXP+xRYkb4"
        "zVC+LoAXEoIa1+zArywlgREer7DLePukkU6wHTkuSaF+ge5Of1bXuU4i938WJHj0t3D8uQxkJvoFi/EYN/7u2P1zGRLV4dHVUsZMGCCtnO6B"
        "BigFMAA="
    ),
    "Referer": "https://wx.qq.com/?&lang=zh_CN&target=t",
}
"""The public token; it is the same in every published client with desktop mode."""

_UUID = re.compile(
    rb'window\.QRLogin\.code\s*=\s*(\d{1,9})(?:\s*;\s*window\.QRLogin\.uuid\s*=\s*"([^"]*)")?'
)
_CODE = re.compile(rb"window\.code\s*=\s*(\d{1,9})\b")
_RET = re.compile(r"-?[0-9]{1,9}")
_LONGEST_UIN = 64
"""In characters. It is a number of 32 bits, or a name."""
_REDIRECT = re.compile(rb'window\.redirect_uri\s*=\s*"([^"]+)"')


class Poll(msgspec.Struct, frozen=True):
    """The answer of ``login``: 408 waiting, 201 scanned, 200 confirmed (with ``redirect``), 400 expired."""

    code: int
    redirect: str = ""


def qrcode_link(uuid: str) -> str:
    """Return the content of the QR code."""
    return f"https://login.weixin.qq.com/l/{uuid}"


async def fetch_uuid(http: Http, mode: Mode) -> str:
    page = f"https://{DEFAULT_DOMAIN}{MAIN}webwxnewloginpage"
    answer = await http.send(
        Call(
            name="jslogin",
            path="/jslogin",
            role="login",
            reply=bytes,
            query={
                "appid": APP_ID,
                "redirect_uri": page + ("?mod=desktop" if mode == "desktop" else ""),
                "fun": "new",
                "lang": "zh_CN",
                "_": now_ms(),
            },
        )
    )
    found = _UUID.search(answer)
    if found is None or found[1] != b"200" or not found[2]:
        code = found[1].decode() if found else "nothing that can be read"
        raise BadResponse("jslogin", f"no UUID; the answer was {code}")
    return found[2].decode("ascii", "replace")


async def push_login(http: Http, uin: str, mode: Mode) -> str | None:
    """Request a login that the phone confirms without a scan. Return the UUID to poll with, None where WeChat
    declines."""
    reply = await http.send(
        Call(
            name="webwxpushloginurl",
            path=MAIN + "webwxpushloginurl",
            reply=wire.PushLoginReply,
            query={"uin": uin, **({"mod": "desktop"} if mode == "desktop" else {})},
        )
    )
    return reply.uuid if str(reply.ret) == "0" and reply.uuid else None


async def poll(http: Http, uuid: str, *, scanned: bool, timeout_s: float) -> Poll:
    """Poll once for the phone; the service holds the request."""
    answer = await http.send(
        Call(
            name="login",
            path=MAIN + "login",
            role="login",
            reply=bytes,
            query={
                "loginicon": "true",
                "uuid": uuid,
                "tip": 0 if scanned else 1,
                "r": inverted_ms(),
                "_": now_ms(),
            },
            timeout_s=timeout_s,
        )
    )
    code = _CODE.search(answer)
    if code is None:
        raise BadResponse("login", "the answer has no window.code")
    redirect = _REDIRECT.search(answer)
    if code[1] == b"200" and redirect is None:
        raise BadResponse("login", "confirmed, but the answer has no redirect_uri")
    return Poll(int(code[1]), redirect[1].decode("utf-8", "replace") if redirect else "")


async def fetch_session(http: Http, redirect: str, mode: Mode) -> Session:
    """Fetch the session of a confirmed login.

    Raises ``LoginRefused`` with the server's message where this account may not log in.
    """
    name = "webwxnewloginpage"
    try:
        page = parsed(redirect)
        host = page.host or ""
    except ValueError:
        raise BadResponse(name, "redirect_uri is no address") from None
    domain = host if http.relayed else domain_of(host, name)
    http.enter_domain(domain)
    body = await http.send(
        Call(
            name=name,
            path=page.path,
            reply=bytes,
            query={**dict(page.query), "fun": "new", "version": "v2", "lang": "zh_CN"},
            headers=DESKTOP_HEADERS if mode == "desktop" else {},
        )
    )
    answer = read_page(name, body)
    ret = answer.get("ret", "")
    if ret != "0":
        if not _RET.fullmatch(ret):
            raise BadResponse(name, "the answer has no ret")
        raise LoginRefused(name, int(ret), answer.get("message", ""))
    missing = [key for key in ("wxsid", "wxuin") if not answer.get(key)]
    if missing:
        raise BadResponse(name, f"the answer has no {' and no '.join(missing)}")
    if len(answer["wxuin"]) > _LONGEST_UIN:
        raise BadResponse(name, f"its wxuin has {len(answer['wxuin'])} characters")
    return Session(
        uin=answer["wxuin"],
        sid=answer["wxsid"],
        skey=answer.get("skey", ""),
        pass_ticket=answer.get("pass_ticket", ""),
        domain=domain,
        cookies=http.cookies(),
    )


def read_page(call: str, body: bytes) -> dict[str, str]:
    """Return the first field of each name. Without an XML parser: the message of a refusal may contain a bare ``&`` or
    HTML, and a refusal that cannot be read would lead to endless new QR codes."""
    page = body[:65536].decode("utf-8", "replace")
    answer: dict[str, str] = {}
    for field in ("ret", "message", "skey", "wxsid", "wxuin", "pass_ticket"):
        _, found, rest = page.partition(f"<{field}>")
        value, closed, _ = rest.partition(f"</{field}>")
        if found and closed:
            answer[field] = plain(value.replace("<![CDATA[", "").replace("]]>", "")).strip()
    if "ret" not in answer:
        raise BadResponse(call, "the answer is not the XML of a login")
    return answer
