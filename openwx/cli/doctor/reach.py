"""The others: WeChat's hosts and the clock that they tell, and the backends."""

import asyncio
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

import aiohttp
from aiohttp import hdrs
from yarl import URL

from openwx import __version__
from openwx.cli.doctor.finding import Finding, ok, problem, warning
from openwx.config import Settings
from openwx.config.addresses import masked
from openwx.neterrors import describe
from openwx.reporter import tls
from openwx.transports.web.session import DEFAULT_DOMAIN, LOGIN_HOST

TIMEOUT_S = 10.0
SLOW_S = 2.0
_CLOCK_S = 30.0
"""So far off, latencies and times in uploads mislead; signatures are good for five minutes."""
_NOT_THERE = frozenset({502, 503, 504})
_NO_ENTRY = frozenset({401, 403, 404, 410})
_HOSTS = (LOGIN_HOST, DEFAULT_DOMAIN, f"webpush.{DEFAULT_DOMAIN}", f"file.{DEFAULT_DOMAIN}")


@dataclass(frozen=True, slots=True)
class Reached:
    """An answer: its status, how long it took, and how far the clocks are apart, where it tells the time."""

    status: int
    seconds: float
    clock_off_s: float | None


async def everything(settings: Settings) -> list[Finding]:
    """What each account needs: WeChat, or what stands for it, and ``post_api``; each asked once."""
    origins: dict[str, str] = {}
    for account in settings.accounts.values():
        for url in [account.base_url] if account.base_url else [f"https://{one}" for one in _HOSTS]:
            origins[url] = "base_url" if account.base_url else "WeChat"
    reports = [settings.report_for(name) for name in settings.accounts]
    backends = {report.post_api: tls.trusted(report) for report in reports if report.post_api}
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context())
    headers = {"User-Agent": f"openwx/{__version__}"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as http:
        wechat, theirs = await asyncio.gather(
            asyncio.gather(*(_ask(http, "GET", url) for url in origins)),
            asyncio.gather(
                *(_ask(http, "OPTIONS", url, trusted) for url, trusted in backends.items())
            ),
        )
    findings = [
        _wechat(about, url, told)
        for (url, about), told in zip(origins.items(), wechat, strict=True)
    ]
    findings += _clock(told for told in wechat if isinstance(told, Reached))
    findings += [_backend(masked(url), told) for url, told in zip(backends, theirs, strict=True)]
    if not backends:
        findings.append(ok("post_api", "none; messages wait for check_event and the streams"))
    return findings


async def _ask(
    http: aiohttp.ClientSession, method: str, url: str, trusted: ssl.SSLContext | bool = True
) -> Reached | str:
    """Its answer, or why there is none."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    started = time.monotonic()
    try:
        async with http.request(
            method, URL(url), timeout=timeout, allow_redirects=False, ssl=trusted
        ) as answer:
            seconds = time.monotonic() - started
            return Reached(answer.status, seconds, _off(answer.headers.get(hdrs.DATE)))
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return describe(error)


def _off(date: str | None) -> float | None:
    try:
        told = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return time.time() - told.replace(tzinfo=told.tzinfo or UTC).timestamp()


def _wechat(about: str, url: str, told: Reached | str) -> Finding:
    advice = "look at the network, DNS, the firewall and proxies of this machine"
    if about == "base_url":
        advice = f"start what listens there, or correct base_url; {advice}"
    if isinstance(told, str):
        return problem(about, f"{url}: {told}", advice)
    if told.status >= 500:
        return warning(about, f"{url} answers HTTP {told.status}", "try again later")
    return _reached(about, url, told)


def _backend(url: str, told: Reached | str) -> Finding:
    advice = "start your backend, or correct report.post_api; uploads wait in the journal meanwhile"
    if isinstance(told, str):
        if "certificate" in told:
            advice = (
                "name a file of certificates to trust in report.ca, or set report.verify = false"
            )
        return problem("post_api", f"{url}: {told}", advice)
    if told.status in _NO_ENTRY:
        words = f"{url} answers HTTP {told.status} to OPTIONS; where it does so to POST too, nothing can be delivered"
        return warning(
            "post_api", words, "look whether report.post_api is right, to its path and password"
        )
    if told.status in _NOT_THERE:
        return warning("post_api", f"{url} answers HTTP {told.status}", advice)
    return _reached("post_api", url, told)


def _reached(about: str, url: str, told: Reached) -> Finding:
    words = f"{url} answers within {told.seconds * 1000:.0f} ms"
    if told.seconds > SLOW_S:
        return warning(about, words, "this is slow: look at the network between")
    return ok(about, words)


def _clock(reached: Iterable[Reached]) -> list[Finding]:
    told = [one.clock_off_s for one in reached if one.clock_off_s is not None]
    if not told:
        return []
    off_s = min(told, key=abs)
    words = f"{abs(off_s):.0f} s {'ahead of' if off_s > 0 else 'behind'} WeChat's"
    if abs(off_s) > _CLOCK_S:
        return [
            problem("clock", words, "set it, and keep it right with NTP (timedatectl set-ntp true)")
        ]
    return [ok("clock", words)]
