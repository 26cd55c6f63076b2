"""The programs: versions, and whether an openwx runs already."""

import asyncio
import errno
import importlib.metadata
import platform
import socket
import ssl

from filelock import FileLock, Timeout

from openwx import __version__, running
from openwx.config import Listen, Settings
from openwx.doctor.finding import Finding, ok, problem, warning

_LIBRARIES = ("aiohttp", "msgspec", "pydantic", "prometheus-client")
_PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"


async def versions() -> list[Finding]:
    """Of openwx, Python and the libraries that matter most; and libmagic, which is no Python."""
    libraries = [f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES]
    words = f"openwx {__version__}, Python {platform.python_version()} on {platform.system()}"
    told = ok("versions", ", ".join([words, *libraries, ssl.OPENSSL_VERSION]))
    return [told, *await _libmagic()]


async def _libmagic() -> list[Finding]:
    try:
        from openwx.gateway.magictype import mime_of  # noqa: PLC0415 - importing it is what may fail

        mime = await mime_of(_PNG)
    except (ImportError, OSError) as error:
        advice = "install openwx anew with pip; it brings libmagic along"
        return [problem("libmagic", f"the type of media cannot be told: {error}", advice)]
    if mime != "image/png":
        advice = "unset MAGIC, or remove another libmagic's files"
        return [warning("libmagic", f"a PNG is taken for {mime}", advice)]
    return []


async def instance(settings: Settings) -> tuple[list[Finding], bool]:
    """Whether an openwx runs on the data folder, and how it is."""
    if not await asyncio.to_thread(_is_locked, settings):
        return [ok("running", f"no openwx uses {settings.data_dir} now")], False
    try:
        told = await running.readiness(settings)
    except running.NotReachedError as error:
        words = f"an openwx uses {settings.data_dir}, but {error}"
        advice = "it may have been started with another configuration; stop it, and start it anew"
        return [problem("running", words, advice)], True
    accounts = told.accounts or {}
    ill = [
        warning("account", f"{name} is {one.state}: {one.state_reason}", "openwx status tells more")
        for name, one in accounts.items()
        if one.wanted and one.state != "running"
    ]
    late = [
        warning("account", f"{name}: {one.failed} deliveries failed", "openwx outbox list")
        for name, one in accounts.items()
        if one.failed
    ]
    words = f"openwx {told.version} at {running.address(settings)}: {told.status}"
    return [ok("running", words), *ill, *late], True


def _is_locked(settings: Settings) -> bool:
    file = settings.data_dir / "lock"
    try:
        if not file.exists():
            return False
        with FileLock(file, timeout=0, mode=0o600):
            return False
    except Timeout:
        return True
    except OSError:
        return False  # the check of the data folder says why


def ports(settings: Settings, *, runs: bool) -> list[Finding]:
    """Whether the addresses can be listened on; not while our own openwx does."""
    return [] if runs else [_port(number, one) for number, one in enumerate(settings.listen)]


def _port(number: int, listen: Listen) -> Finding:
    about, where = f"listen[{number}]", f"{listen.host}:{listen.port}"
    try:
        family = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((listen.host, listen.port))
    except OSError as error:
        advice = "choose another host or port under [[listen]]"
        if error.errno == errno.EADDRINUSE:
            words = f"{where} is taken by another program, perhaps an openwx with another data_dir"
            return problem(about, words, f"stop it, or {advice}")
        return problem(about, f"{where} cannot be listened on: {error.strerror or error}", advice)
    return ok(about, f"{where} is free")
