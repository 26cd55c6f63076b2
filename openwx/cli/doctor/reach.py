"""Checks of other machines: WeChat's hosts, the clock against theirs, and the backends."""

import asyncio
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

import aiohttp
from aiohttp import hdrs
from yarl import URL

from openwx import __version__
from openwx.cli.doctor.finding import Finding, ok, problem, warning
from openwx.config import Settings, Target
from openwx.config.addresses import masked
from openwx.errors import ConfigError
from openwx.neterrors import describe
from openwx.reporter import tls
from openwx.reporter.post import address_of
from openwx.transports.hosts import HOSTS

TIMEOUT_S = 10.0
SLOW_S = 2.0
_CLOCK_S = 30.0
"""The largest error of the clock, in seconds: beyond it, latencies and times in reports mislead."""
_NOT_THERE = frozenset({502, 503, 504})
_NO_ENTRY = frozenset({401, 403, 404, 410})


@dataclass(frozen=True, slots=True)
class Unreached:
    """No answer, and why. ``is_untrusted``: because of the certificate."""

    words: str
    is_untrusted: bool


@dataclass(frozen=True, slots=True)
class Reached:
    """An answer: its status, its duration, and the difference of the clocks, if the answer has a date."""

    status: int
    seconds: float
    clock_off_s: float | None


async def everything(settings: Settings) -> list[Finding]:
    """Send one request to everything that accounts need: WeChat, or its stand-in, and the backends."""
    origins: dict[str, str] = {}
    for account in settings.accounts.values():
        if account.base_url:
            origins[account.base_url] = "base_url"
        else:
            origins |= {f"https://{host}": "WeChat" for host in HOSTS[account.transport]}
    reports = [settings.report_for(name) for name in settings.accounts]
    backends = {target.url: target for report in reports for target in report.all_targets()}
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context())
    headers = {"User-Agent": f"openwx/{__version__}"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as http:
        wechat, theirs = await asyncio.gather(
            asyncio.gather(*(_ask(http, "GET", url) for url in origins)),
            asyncio.gather(*(_ask_target(http, target) for target in backends.values())),
        )
    findings = [
        _wechat(about, url, answer)
        for (url, about), answer in zip(origins.items(), wechat, strict=True)
    ]
    findings += _clock(answer for answer in wechat if isinstance(answer, Reached))
    findings += [
        _backend(target, answer) for target, answer in zip(backends.values(), theirs, strict=True)
    ]
    if not backends:
        findings.append(
            ok("post_api", "none; messages are available from check_event and the streams")
        )
    return findings


async def _ask_target(http: aiohttp.ClientSession, target: Target) -> Reached | Unreached:
    try:
        trusted = tls.trusted(target.ca, verify=target.verify)
        return await _ask(http, "OPTIONS", address_of(target), trusted, target.headers)
    except ConfigError as error:
        return Unreached(str(error), is_untrusted=False)


async def _ask(
    http: aiohttp.ClientSession,
    method: str,
    url: str | URL,
    trusted: ssl.SSLContext | bool = True,
    headers: Mapping[str, str] | None = None,
) -> Reached | Unreached:
    """Return the answer, or say why there is none."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    started = time.monotonic()
    try:
        async with http.request(
            method,
            URL(url),
            timeout=timeout,
            allow_redirects=False,
            ssl=trusted,
            headers=headers,
        ) as answer:
            seconds = time.monotonic() - started
            return Reached(answer.status, seconds, _off(answer.headers.get(hdrs.DATE)))
    except (aiohttp.ClientError, OSError, ValueError) as error:
        is_untrusted = isinstance(error, aiohttp.ClientConnectorCertificateError)
        return Unreached(describe(error), is_untrusted)


def _off(date: str | None) -> float | None:
    try:
        then = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return time.time() - then.replace(tzinfo=then.tzinfo or UTC).timestamp()


def _wechat(about: str, url: str, answer: Reached | Unreached) -> Finding:
    advice = "check the network, DNS, the firewall and proxies of this machine"
    if about == "base_url":
        advice = f"start the program at that address, or correct base_url; {advice}"
    if isinstance(answer, Unreached):
        return problem(about, f"{url}: {answer.words}", advice)
    if answer.status >= 500:
        return warning(about, f"{url} answers HTTP {answer.status}", "try again later")
    return _reached(about, url, answer)


def _backend(target: Target, answer: Reached | Unreached) -> Finding:
    url, name = masked(target.url), target.name
    key = "url" if target.is_written else "report.post_api"
    advice = f"start your backend, or correct {key}; reports wait in the journal meanwhile"
    if isinstance(answer, Unreached):
        if answer.is_untrusted:
            where = "ca" if target.is_written else "report.ca"
            advice = f"set {where} to a file of trusted certificates, or {where[:-2]}verify = false"
        return problem(name, f"{url}: {answer.words}", advice)
    if answer.status in _NO_ENTRY:
        words = f"{url} answers HTTP {answer.status} to OPTIONS; if POST gets the same, nothing can be delivered"
        return warning(name, words, f"check {key}, including its path and password")
    if answer.status in _NOT_THERE:
        return warning(name, f"{url} answers HTTP {answer.status}", advice)
    return _reached(name, url, answer)


def _reached(about: str, url: str, answer: Reached) -> Finding:
    words = f"{url} answers within {answer.seconds * 1000:.0f} ms"
    if answer.seconds > SLOW_S:
        return warning(about, words, "this is slow: check the network in between")
    return ok(about, words)


def _clock(reached: Iterable[Reached]) -> list[Finding]:
    answer = [one.clock_off_s for one in reached if one.clock_off_s is not None]
    if not answer:
        return []
    off_s = min(answer, key=abs)
    words = f"{abs(off_s):.0f} s {'ahead of' if off_s > 0 else 'behind'} WeChat's"
    if abs(off_s) > _CLOCK_S:
        return [
            problem(
                "clock", words, "set it, and synchronise it with NTP (timedatectl set-ntp true)"
            )
        ]
    return [ok("clock", words)]
