"""Checks of programs: versions, a running gateway, and free ports. ``doctor`` runs them."""

import errno
import importlib.metadata
import platform
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from openwx import __version__
from openwx.api.probes import AccountHealth
from openwx.cli import probe
from openwx.cli.doctor.finding import Finding, ok, problem, warning
from openwx.cli.readiness import readiness
from openwx.config import Listen, Settings
from openwx.config.contract import POST_API
from openwx.errors import ConfigError, OpenwxError

_LIBRARIES = ("aiohttp", "msgspec", "pydantic", "prometheus-client")
_PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"


async def versions() -> list[Finding]:
    """Report the versions of openwx, Python and the main libraries, and check libmagic."""
    libraries = [f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES]
    words = f"openwx {__version__}, Python {platform.python_version()} on {platform.system()}"
    finding = ok("versions", ", ".join([words, *libraries, ssl.OPENSSL_VERSION]))
    return [finding, *await _libmagic()]


async def _libmagic() -> list[Finding]:
    try:
        from openwx.accounts.media.types import mime_of  # noqa: PLC0415 - importing it is what may fail

        mime = await mime_of(_PNG)
    except (ImportError, OSError) as error:
        advice = "reinstall openwx with pip, which includes libmagic"
        return [problem("libmagic", f"the types of media cannot be detected: {error}", advice)]
    if mime != "image/png":
        advice = "unset MAGIC, or remove another libmagic's files"
        return [warning("libmagic", f"a PNG is detected as {mime}", advice)]
    return []


@dataclass(frozen=True, slots=True)
class Beside:
    """The programs beside the doctor: whether one uses the data folder, which transports its accounts use, and where a
    demo listens."""

    findings: list[Finding]
    in_use: bool = False
    demo_url: str = ""
    transports: Mapping[str, str] = field(default_factory=dict)


async def beside(settings: Settings) -> Beside:
    """Check whether a gateway uses the data folder or a demo runs, and report its state."""
    try:
        gateway = await probe.find(settings)
        if gateway.is_demo:
            words = f"no openwx uses {settings.data_dir} now; a demo runs at {gateway.url}"
            return Beside([ok("running", words)], demo_url=gateway.url)
        state = await readiness(gateway, settings.access.own_token)
        transports = await _transports(gateway, settings)
    except probe.NotRunningError:
        return Beside([ok("running", f"no openwx uses {settings.data_dir} now")])
    except probe.NotReachedError as error:
        advice = "check again in a moment; if nothing changes, restart it"
        return Beside([problem("running", str(error), advice)], in_use=True)
    except ConfigError as error:
        advice = "add such a key for the commands openwx status, outbox and the like"
        return Beside([warning("running", f"one runs, but {error}", advice)], in_use=True)
    words = f"openwx {state.version} at {gateway.url}: {state.status}"
    accounts = (state.accounts or {}).items()
    option = " --client {}" if len(accounts) > 1 else ""
    problems = [
        finding
        for name, one in accounts
        for finding in _account_problems(name, one, option.format(name))
    ]
    return Beside([ok("running", words), *problems], in_use=True, transports=transports)


async def _transports(gateway: probe.RunningGateway, settings: Settings) -> dict[str, str]:
    """Ask which transports are in use: in the console, others than the configuration's can be chosen."""
    try:
        async with gateway.client(settings, None) as client:
            return {one.account: one.transport for one in await client.check_client()}
    except OpenwxError:
        return {}  # a token that is wrong, or a gateway that stops just now: the readiness says so


def _account_problems(name: str, account: AccountHealth, option: str) -> Iterator[Finding]:
    """Yield what is wrong with an account. ``option`` names it on a command line."""
    if account.wanted and account.state != "running":
        words = f"{name} is {account.state}: {account.state_reason}"
        yield warning("account", words, "see openwx status")
    for one in account.refusing or ():
        target = "" if one.target == POST_API else f" --target {one.target}"
        again = f"openwx outbox retry --all{target}{option}"
        advice = f"see your backend's log; once it accepts them again: {again}"
        yield problem(one.target, f"{name}: {one.words}", advice)
    if account.failed:
        failed = "1 delivery" if account.failed == 1 else f"{account.failed} deliveries"
        yield warning("account", f"{name}: {failed} failed", f"openwx outbox list{option}")


def ports(settings: Settings, beside: Beside) -> list[Finding]:
    """Check that the addresses are free, unless our own openwx uses them."""
    if beside.in_use:
        return []
    named = [(f"listen[{number}]", one) for number, one in enumerate(settings.listen)]
    if settings.cluster.address is not None:
        named.append(("cluster.listen", settings.cluster.address))
    return [_port(about, one, beside.demo_url) for about, one in named]


def _port(about: str, listen: Listen, demo_url: str) -> Finding:
    where = f"{listen.host}:{listen.port}"
    if demo_url.rpartition(":")[2] == str(listen.port):
        return ok(about, f"{where} is used by the demo, until that ends")
    try:
        family = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((listen.host, listen.port))
    except OSError as error:
        section = "[cluster]" if about == "cluster.listen" else "[[listen]]"
        advice = f"choose another host or port under {section}"
        if error.errno == errno.EADDRINUSE:
            words = f"{where} is taken by another program, perhaps an openwx with another data_dir"
            return problem(about, words, f"stop it, or {advice}")
        return problem(about, f"cannot listen on {where}: {error.strerror or error}", advice)
    return ok(about, f"{where} is free")
