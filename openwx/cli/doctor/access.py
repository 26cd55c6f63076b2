"""Checks of access: the token, the addresses, the certificates, and the modes of files with secrets.
``doctor`` runs them.
"""

import sys
from datetime import UTC, datetime
from urllib.parse import urlsplit

from openwx.cli.doctor.certificate import CertificateError, validity
from openwx.cli.doctor.finding import Finding, ok, problem, warning
from openwx.config import Listen, Loaded, Settings
from openwx.config.strength import NEW, can_be_guessed, weakness

_SOON_DAYS = 21


def secrecy(loaded: Loaded) -> list[Finding]:
    """Check that only its owner can read the file with the secrets."""
    source = loaded.source
    if source is None or not _has_secrets(loaded.settings) or sys.platform == "win32":
        return []
    if source.stat().st_mode & 0o077:
        words = f"other users can read {source}, which contains a token or secret"
        return [warning("configuration", words, f"chmod 600 {source}")]
    return []


def _has_secrets(settings: Settings) -> bool:
    """Check whether there is any token, secret, password or header of a backend."""
    reports = [settings.report, *(settings.report_for(name) for name in settings.accounts)]
    targets = [target for report in reports for target in report.all_targets()]
    urls = [account.proxy or "" for account in settings.accounts.values()]
    urls += [report.poll_api or "" for report in reports] + [target.url for target in targets]
    return (
        bool(settings.tokens or settings.store.url)
        or any(report.secret or report.headers for report in reports)
        or any(target.secret or target.headers for target in targets)
        or any("@" in urlsplit(url).netloc for url in urls)
    )


def token(settings: Settings) -> list[Finding]:
    """Check that no token can be guessed."""
    findings = []
    if not settings.access.needs_token:
        if settings.exposed():
            words = "none, and other machines can reach the API: everyone can use the accounts"
            advice = f'write token = "…" under [access]; create one: {NEW}'
            findings.append(problem("token", words, advice))
        else:
            findings.append(ok("token", "none; only programs on this machine can reach the API"))
    advice = f"use a random one: {NEW}"
    for name, given in settings.tokens.items():
        about = "token" if name == "access.token" else name
        if words := weakness(given):
            level = problem if settings.exposed() and can_be_guessed(given) else warning
            findings.append(level(about, words, advice))
        else:
            findings.append(ok(about, "long enough"))
    return findings


def exposure(settings: Settings) -> list[Finding]:
    """Check that no token or message crosses a network unencrypted."""
    findings = []
    for number in settings.exposed():
        listen = settings.listen[number]
        if listen.tls_cert is None:
            words = f"{listen.url} is reachable from other machines and not encrypted"
            advice = "set tls_cert and tls_key, or listen at 127.0.0.1 behind a proxy with TLS"
            findings.append(warning(f"listen[{number}]", words, advice))
    peers = settings.cluster.address
    if peers is not None and not peers.is_loopback and peers.tls_cert is None:
        words = f"{peers.url}, which is for other nodes, can be reached from other machines and is not encrypted"
        advice = "set tls_cert and tls_key under [cluster], unless nobody else is in that network"
        findings.append(warning("cluster.listen", words, advice))
    return findings


def certificates(settings: Settings) -> list[Finding]:
    """Check that the TLS files match, are valid, and that only their owner can read the key."""
    findings = []
    for number, listen in enumerate(settings.listen):
        if listen.tls_cert is not None and listen.tls_key is not None:
            findings += _certificate(f"listen[{number}]", listen)
    peers = settings.cluster.address
    if peers is not None and peers.tls_cert is not None:
        findings += _certificate("cluster.listen", peers)
    return findings


def _certificate(about: str, listen: Listen) -> list[Finding]:
    assert listen.tls_cert is not None
    assert listen.tls_key is not None
    findings = []
    try:
        if sys.platform != "win32" and listen.tls_key.stat().st_mode & 0o077:
            words = f"other users can read the key {listen.tls_key}"
            findings.append(warning(about, words, f"chmod 600 {listen.tls_key}"))
        begin, end = validity(listen.tls_cert, listen.tls_key)
    except (CertificateError, OSError) as error:
        advice = (
            "tls_cert is a PEM file with the certificate and its chain, tls_key its private key"
        )
        return [problem(about, f"tls_cert and tls_key do not work: {error}", advice)]
    now = datetime.now(UTC)
    left = (end - now).days
    advice = "renew it and restart openwx"
    if end <= now:
        words = f"the certificate expired on {end:%Y-%m-%d %H:%M} UTC"
        return [*findings, problem(about, words, advice)]
    if begin > now:
        words = f"the certificate is not valid before {begin:%Y-%m-%d %H:%M} UTC"
        return [*findings, problem(about, words, "check the clock, or use another certificate")]
    words = f"the certificate is valid for {left} more days, until {end:%Y-%m-%d}"
    level = warning(about, words, advice) if left < _SOON_DAYS else ok(about, words)
    return [*findings, level]
