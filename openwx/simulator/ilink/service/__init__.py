"""The calls of bots' clients: `server` passes on what is below `/ilink/bot/` and `/c2c/`."""

from __future__ import annotations

from aiohttp import web

from ...calls import Call, parse_body
from ...faults import Rule
from ...service.corruption import corrupt_answer, corrupt_call
from ...state import World
from . import login, media, sends, typing_calls, updates
from .base import Handler, ILinkCall, RefusedError, account_of, bot_of, refusal

API = "/ilink/bot/"
CDN = "/c2c/"

HANDLERS: dict[tuple[str, str], Handler] = {
    **login.HANDLERS, **updates.HANDLERS, **sends.HANDLERS, **media.HANDLERS, **typing_calls.HANDLERS,
}  # fmt: skip
"""By method and name."""
NAMES = sorted({name for _, name in HANDLERS} | {f"c2c/{name}" for _, name in media.CDN})
"""The names of the calls, as faults and the list of calls have them."""


def add_routes(app: web.Application, world: World) -> None:
    """Serve the API and the CDN."""

    async def api(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"].removeprefix("msg/")
        raw = await request.read()
        body = parse_body(raw, "application/json")
        call = _call(request, name, body, raw)
        return await _serve(ILinkCall(world, call, request), HANDLERS.get((request.method, name)))

    async def cdn(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        call = _call(request, f"c2c/{name}", {}, b"")
        return await _serve(ILinkCall(world, call, request), media.CDN.get((request.method, name)))

    app.router.add_route("*", API + "{name:.*}", api)
    app.router.add_route("*", CDN + "{name:.*}", cdn)


def _call(request: web.Request, name: str, body: dict[str, object], raw: bytes) -> Call:
    return Call(
        name=name, method=request.method, query=dict(request.query), raw=raw, body=body,
        cookies={}, headers=request.headers.copy(),
        origin=f"{request.scheme}://{request.host}",
    )  # fmt: skip


async def _serve(call: ILinkCall, handler: Handler | None) -> web.StreamResponse:
    """Answer a call, with the fault that strikes it."""
    world, bot = call.world, bot_of(call.world, call.call)
    account = account_of(world, bot) if bot else None
    rule = world.faults.strike(call.call.name, account) if handler else None
    call.call.fault = rule.fault.value if rule else ""
    world.record(call.call)
    if handler is None:
        return web.Response(status=404, text="404 page not found")
    if rule is not None and (failed := await _fail(call, rule)) is not None:
        return failed
    try:
        response = await handler(call)
    except RefusedError as refused:
        response = refusal(call.options, refused.code, refused.errmsg)
    return response if rule is None else corrupt_answer(rule, call.request, response)


async def _fail(call: ILinkCall, rule: Rule) -> web.Response | None:
    if call.call.name.startswith("c2c/"):
        refused = media.cdn_refusal(400, rule.ret, rule.errmsg)
    else:
        refused = refusal(call.options, rule.ret, rule.errmsg)
    return await corrupt_call(rule, refused, call.request)
