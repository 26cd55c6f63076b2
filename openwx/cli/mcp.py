"""``openwx mcp``: a server of the Model Context Protocol beside the gateway that runs with this configuration."""

import asyncio
import re
import shlex
import signal
import sys

from openwx import logs
from openwx.cli import probe
from openwx.cli.shell import output
from openwx.client import Client
from openwx.config import Listen, Settings
from openwx.errors import ConfigError

EXTRA = "mcp>=2.3,<3"
"""What the extra ``mcp`` installs, wherever openwx itself came from."""
_SDK = ("mcp", "mcp_types", "uvicorn", "starlette")


def main(settings: Settings, listen: Listen | None) -> int:
    """Serve on standard input and output, or by HTTP. Return the exit code. Raises ``ConfigError``."""
    try:
        from openwx.mcp import gateway, http, server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _SDK:
            raise
        pip = shlex.join([sys.executable, "-m", "pip", "install", EXTRA])
        raise ConfigError(f"openwx mcp needs a package that is not installed: {pip}") from None
    logs.set_up(settings.log_level)

    async def find() -> Client:
        return (await probe.find(settings)).client(settings, settings.mcp.account)

    serving = server.make(gateway.Gateway(settings, find))
    if listen is not None:
        http.serve(serving, settings, listen)
        return 0
    if sys.stdin is None or sys.stdout is None:
        raise ConfigError(
            "openwx mcp speaks on standard input and output, and one of them is closed"
        )
    # Reading from standard input cannot be interrupted, and there is nothing to clean up.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        asyncio.run(serving.run_stdio_async())
    except* BrokenPipeError:  # the client has left
        output.discard(sys.stdout)
    return 0


def address(text: str) -> Listen:
    """Read HOST:PORT. Raises ``ConfigError``."""
    host, _, port = text.rpartition(":")
    try:
        return Listen(host=host, port=int(port) if re.fullmatch("[0-9]{1,5}", port) else -1)
    except ValueError:  # pydantic's is one
        raise ConfigError(
            f"--http must be HOST:PORT, such as 127.0.0.1:3001 or [::1]:3001, not {text[:100]!r}"
        ) from None
