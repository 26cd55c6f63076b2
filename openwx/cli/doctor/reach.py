"""Checks of other machines: WeChat's hosts and the proxies before them, the clock against theirs, and the backends.
``doctor`` runs them.
"""

import asyncio
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
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
from openwx.config.proxies import Proxy
from openwx.errors import PROXY_WORDS, ConfigError, ProxyTrouble
from openwx.neterrors import describe
from openwx.reporter import tls
from openwx.reporter.post import address_of
from openwx.transports.hosts import HOSTS
from openwx.transports.proxytrouble import ProxyTroubleError
from openwx.transports.sessions import HttpSessions, connect_s

TIMEOUT_S = 10.0
SLOW_S = 2.0
_CLOCK_S = 30.0
"""The largest error of the clock, in seconds: beyond it, latencies and times in reports mislead."""
_NOT_THERE = frozenset({502, 503, 504})
_NO_ENTRY = frozenset({401, 403, 404, 410})
_PROXY_ADVICE = {
    ProxyTrouble.UNREACHABLE: "start it, or correct its address",
    ProxyTrouble.AUTH: "correct its user and password: user:password@ before its host",
    ProxyTrouble.CANNOT_REACH: "see its log and its rules, and check its own network",
    ProxyTrouble.BROKEN: "check that its kind (http, https, socks5) and port are right, and that it works",
}


@dataclass(frozen=True, slots=True)
class Unreached:
    """No answer, and why. ``is_untrusted``: because of the certificate. ``at_proxy``: how the proxy failed."""

    words: str
    is_untrusted: bool
    at_proxy: ProxyTrouble | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """An answer: its status, its duration, and the difference of the clocks, if the answer has a date."""

    status: int
    seconds: float
    clock_off_s: float | None


@dataclass(frozen=True, slots=True)
class Origin:
    """An address of WeChat, or of its stand-in, and the proxy before it."""

    about: str
    url: str
    proxy: Proxy | None


async def everything(settings: Settings) -> list[Finding]:
    """Send one request to everything that accounts need: WeChat, or its stand-in, and the backends."""
    origins = {name: _origins(settings, name) for name in settings.accounts}
    each = list(dict.fromkeys(one for origin in origins.values() for one in origin))
    reports = [settings.report_for(name) for name in settings.accounts]
    backends = {target.url: target for report in reports for target in report.all_targets()}
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context())
    headers = {"User-Agent": f"openwx/{__version__}"}
    proxies = {None, *(one.proxy for one in each)}
    sessions = {proxy: HttpSessions(connector, proxy, headers=headers) for proxy in proxies}
    try:
        wechat, theirs = await asyncio.gather(
            asyncio.gather(*(_ask(sessions[one.proxy], "GET", one.url) for one in each)),
            asyncio.gather(*(_ask_target(sessions[None], target) for target in backends.values())),
        )
    finally:
        for session in sessions.values():
            await session.close()
        await connector.close()
    answers = dict(zip(each, wechat, strict=True))
    findings = [finding for name in origins for finding in _proxy(settings, name, origins, answers)]
    findings += [
        _wechat(one, answer)
        for one, answer in answers.items()
        if not (isinstance(answer, Unreached) and answer.at_proxy)
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


async def _ask_target(http: HttpSessions, target: Target) -> Reached | Unreached:
    try:
        trusted = tls.trusted(target.ca, verify=target.verify)
        return await _ask(http, "OPTIONS", address_of(target), trusted, target.headers)
    except ConfigError as error:
        return Unreached(str(error), is_untrusted=False)


def _origins(settings: Settings, name: str) -> list[Origin]:
    """List the addresses that an account reaches WeChat at."""
    account = settings.accounts[name]
    proxy = account.proxy_with(settings.environment_proxies)
    urls = [f"https://{host}" for host in HOSTS[account.transport]]
    about, urls = ("base_url", [account.base_url]) if account.base_url else ("WeChat", urls)
    return [
        Origin(about, url, proxy if proxy and proxy.serves(URL(url).host or "") else None)
        for url in urls
    ]


async def _ask(
    http: HttpSessions,
    method: str,
    url: str | URL,
    trusted: ssl.SSLContext | bool = True,
    headers: Mapping[str, str] | None = None,
) -> Reached | Unreached:
    """Return the answer, or say why there is none."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S, sock_connect=connect_s(TIMEOUT_S))
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
    except ProxyTroubleError as error:
        words = PROXY_WORDS[error.trouble].format(proxy=error.proxy, detail=error.detail)
        return Unreached(words, is_untrusted=False, at_proxy=error.trouble)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        is_untrusted = isinstance(error, aiohttp.ClientConnectorCertificateError)
        return Unreached(describe(error), is_untrusted)


def _off(date: str | None) -> float | None:
    try:
        then = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return time.time() - then.replace(tzinfo=then.tzinfo or UTC).timestamp()


def _proxy(
    settings: Settings,
    name: str,
    origins: Mapping[str, list[Origin]],
    answers: Mapping[Origin, Reached | Unreached],
) -> Iterator[Finding]:
    """Say which proxy an account has, and whether it works. Without any there is nothing to say."""
    behind = [one for one in origins[name] if one.proxy]
    if not behind:
        if settings.environment_proxies.by_scheme:
            yield ok("proxy", f"{name} reaches WeChat directly")
        return
    proxy = behind[0].proxy
    assert proxy is not None
    key = f"accounts.{name}.proxy" if proxy.source == "proxy" else proxy.source
    failed = {
        one.url: answer
        for one in behind
        if isinstance(answer := answers[one], Unreached) and answer.at_proxy
    }
    if not failed:
        yield ok("proxy", f"{name} reaches WeChat through {proxy.shown} ({key})")
        return
    for words in dict.fromkeys(one.words for one in failed.values()):
        urls = [url for url, one in failed.items() if one.words == words]
        trouble = failed[urls[0]].at_proxy
        assert trouble is not None
        hosts = f" (asked for {', '.join(urls)})"
        yield problem("proxy", f"{name}: {words}{hosts}", f"{_PROXY_ADVICE[trouble]} ({key})")


def _wechat(origin: Origin, answer: Reached | Unreached) -> Finding:
    about, url = origin.about, origin.url
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
    key = "report.post_api" if target.is_post_api else "url"
    advice = f"start your backend, or correct {key}; reports wait in the journal meanwhile"
    if isinstance(answer, Unreached):
        if answer.is_untrusted:
            where = "report.ca" if target.is_post_api else "ca"
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
