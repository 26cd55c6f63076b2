"""Serves MCP by streamable HTTP. ``openwx mcp --http`` runs it."""

import hmac
import socket
import sys

import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from openwx.config import Listen, Settings
from openwx.errors import ConfigError
from openwx.mcp.crowd import Crowd

PATH = "/mcp"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_MOST_BODY = 4 * 1024**2
_MOST_CONNECTIONS = 200
_MOST_WAITING = 100
_MOST_SESSIONS = 1000
_STOP_S = 3
_KEEP_ALIVE_S = 5


def check(settings: Settings, listen: Listen) -> None:
    """Raise ``ConfigError`` where callers must have a token and none is configured, or one that opens more."""
    token, access = settings.mcp.token, settings.access
    if token is not None and token in (access.token, *(key.token for key in access.keys)):
        raise ConfigError(
            "mcp.token must be another one than access.token and those of access.keys, which open more of openwx"
        )
    if token is None and not listen.is_loopback:
        raise ConfigError(
            f"--http {listen.host} can be reached from other machines, so a token is needed: write"
            ' token = "a long random text" under [mcp] (or set OPENWX_MCP__TOKEN)'
        )
    if token is None and access.needs_token:
        raise ConfigError(
            "--http needs a token here, since the gateway has one and this would be a way around it: write"
            ' token = "another long random text" under [mcp] (or set OPENWX_MCP__TOKEN)'
        )


def serve(server: MCPServer, settings: Settings, listen: Listen) -> None:
    """Serve until SIGINT or SIGTERM. Raises ``ConfigError`` where the address cannot be listened to."""
    check(settings, listen)
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    try:
        listening = socket.create_server((listen.host, listen.port), family=family)
    except OSError as error:
        raise ConfigError(f"--http {listen.url}: {error.strerror or error}") from None
    with listening:
        port = listening.getsockname()[1]
        app: ASGIApp = server.streamable_http_app(
            streamable_http_path=PATH,
            max_request_body_size=_MOST_BODY,
            max_sessions=_MOST_SESSIONS,
            transport_security=_security(settings, listen),
        )
        if settings.mcp.token is not None:
            app = Bearer(app, settings.mcp.token)
        crowd = Crowd(app, _MOST_WAITING)
        config = uvicorn.Config(
            crowd,
            http=crowd.protocol(),
            ws="none",
            log_config=None,
            log_level="error",  # what strangers send fills no log
            access_log=False,
            lifespan="on",
            server_header=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_STOP_S,
        )
        url = listen.model_copy(update={"port": port}).url
        print(f"openwx mcp listens on {url}{PATH}", file=sys.stderr, flush=True)
        uvicorn.Server(config).run(sockets=[listening])


def _security(settings: Settings, listen: Listen) -> TransportSecuritySettings:
    """Allow the Hosts by which this address is meant; no web page is allowed, whatever its Origin."""
    names = {*_LOOPBACK, f"[{listen.host}]" if ":" in listen.host else listen.host}
    names.update(f"[{one}]" if ":" in one else one for one in settings.access.allowed_hosts)
    return TransportSecuritySettings(
        allowed_hosts=sorted(names | {f"{one}:*" for one in names}), allowed_origins=[]
    )


class Bearer:
    """Answers 401 to requests without the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._wanted = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            given = b"".join(
                value for name, value in scope.get("headers", []) if name == b"authorization"
            )
            if not hmac.compare_digest(given, self._wanted):
                words = (
                    "the token is missing or wrong: Authorization: Bearer TOKEN, with mcp.token\n"
                )
                refusal = PlainTextResponse(words, 401, {"WWW-Authenticate": "Bearer"})
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)
