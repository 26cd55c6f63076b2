"""``openwx doctor``: finds problems of the configuration and its surroundings, and says how to fix them.
``main`` runs it.

It changes nothing, touches no account, and sends each other machine one request.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from openwx.cli.doctor import access, disk, process, reach
from openwx.cli.doctor.finding import Finding, Level, as_text, ok, problem, warning
from openwx.cli.doctor.finding import as_json as findings_as_json
from openwx.cli.shell import output
from openwx.config import Loaded, Settings, load, sources
from openwx.errors import ConfigError


def main(path: Path | None, environ: Mapping[str, str], *, as_json: bool) -> int:
    """Check, and print the findings. Return 1 if there is a problem."""
    findings = asyncio.run(examine(path, environ))
    if as_json:
        output.indented_json(findings_as_json(findings))
    else:
        print(as_text(findings))
    return int(any(one.level is Level.PROBLEM for one in findings))


async def examine(path: Path | None, environ: Mapping[str, str]) -> list[Finding]:
    """Run all checks; only that of the configuration if it is wrong."""
    versions = await process.versions()
    try:
        loaded = load(path, environ, {})
    except ConfigError as error:
        advice = "correct it; config.example.toml explains every key"
        return [*versions, problem("configuration", str(error), advice)]
    settings = loaded.settings
    beside = await process.beside(settings)
    return [
        *versions,
        *_configuration(loaded),
        *beside.findings,
        *disk.data_folder(settings),
        *disk.space(settings),
        *access.secrecy(loaded),
        *access.token(settings),
        *access.exposure(settings),
        *access.certificates(settings),
        *process.ports(settings, beside),
        *await _shared(settings, runs_here=beside.in_use),
        *await reach.everything(_in_use(settings, beside.transports)),
    ]


async def _shared(settings: Settings, *, runs_here: bool) -> list[Finding]:
    """Check what nodes share. Where the journal is a file, ``asyncpg`` need not be installed."""
    if settings.store.url is None:
        return []
    from openwx.cli.doctor import shared

    return await shared.everything(settings, runs_here=runs_here)


def _in_use(settings: Settings, transports: Mapping[str, str]) -> Settings:
    """Return the settings with the transports that the running gateway uses."""
    accounts = {
        name: account.model_copy(update={"transport": transports.get(name, account.transport)})
        for name, account in settings.accounts.items()
    }
    return settings.model_copy(update={"accounts": accounts})


def _configuration(loaded: Loaded) -> list[Finding]:
    warnings = [warning("configuration", words, "correct it") for words in loaded.warnings]
    return warnings or [ok("configuration", "; ".join(sources(loaded)))]
