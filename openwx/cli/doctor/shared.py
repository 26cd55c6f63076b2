"""Checks of what nodes share: the PostgreSQL, the other nodes, and the addresses from which accounts reach WeChat.
``doctor`` runs them.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from openwx import __version__
from openwx.cli.cluster.shared import open_shared
from openwx.cli.cluster.status import unowned
from openwx.cli.doctor.finding import Finding, ok, problem, warning
from openwx.cluster.secret import with_other_secret
from openwx.config import Listen, Settings
from openwx.config.addresses import host_name
from openwx.errors import ConfigError
from openwx.store import open_files
from openwx.store.base import JournalError, JournalUnavailable
from openwx.store.examination import CLOCKS_DIFFER_S, VERSION, Examination, examine
from openwx.store.files import FileStoreError
from openwx.store.records import ClusterView

_ASYNCHRONOUS = (
    "name it in synchronous_standby_names, or know that a failover to it loses messages for good"
)


async def everything(settings: Settings, *, runs_here: bool) -> list[Finding]:
    """Check all of it; nothing where the journal is a file. ``runs_here``: whether this node is up."""
    store = settings.store
    if store.url is None:
        return []
    try:
        found = await examine(store.url, store.schema)
    except (JournalError, OSError) as error:
        advice = "correct store.url, or name another store.schema"
        if isinstance(error, JournalUnavailable | OSError):
            advice = (
                "start PostgreSQL, and check store.url, its password, and the network in between"
            )
        return [problem("store", f"{store.shown}: {error}", advice)]
    findings = [
        *_server(settings, found),
        *_clock(found),
        *_way(found),
        *_standbys(found),
        *_schema(settings, found),
    ]
    if found.version == 0:
        findings += _not_copied(settings)
    elif found.version == VERSION and not found.server.troubles:
        findings += await _nodes(settings, runs_here)
    return [*findings, *await _bucket(settings), *_proxies(settings)]


async def _bucket(settings: Settings) -> list[Finding]:
    """Check whether files of media can be written, read and deleted where ``media.store`` is a bucket."""
    kind = settings.media_store
    if not kind.startswith("s3:"):
        return []
    try:
        async with open_files(kind, url=settings.store.url) as files:
            await files.check()
            return [ok("media", kind)]
    except FileStoreError as error:
        advice = "check media.store, and AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL and the like in the environment"
        return [problem("media", f"{kind}: {error}", advice)]


def _server(settings: Settings, found: Examination) -> Iterator[Finding]:
    where = f"PostgreSQL {found.server.version} at {settings.store.shown}"
    for words in found.server.troubles:
        advice = "no gateway starts with it: correct the server's settings, or use another one"
        yield problem("store", f"{where}: {words}", advice)
    if not found.server.troubles:
        yield ok("store", where)


def _clock(found: Examination) -> Iterator[Finding]:
    ahead_s = found.server.clock_ahead_s
    if abs(ahead_s) > CLOCKS_DIFFER_S:
        how = "ahead of" if ahead_s > 0 else "behind"
        words = f"PostgreSQL's clock is {abs(ahead_s):.0f} s {how} this machine's"
        yield warning(
            "store", words, "synchronise both with NTP: max_age and times are off by as much"
        )


def _way(found: Examination) -> Iterator[Finding]:
    if not found.around.is_encrypted and not found.around.is_here:
        words = "messages and sessions cross the network to PostgreSQL unencrypted"
        advice = "turn TLS on there, and write ?sslmode=verify-full&sslrootcert=FILE at the end of store.url"
        yield warning("store", words, advice)


def _standbys(found: Examination) -> Iterator[Finding]:
    wanted, there = found.around.wanted_standbys, found.around.standbys
    waits_for = [one for one in there if one in ("sync", "quorum")]
    hidden = sum(not one for one in there)
    if waits_for:
        yield ok(
            "standby",
            f"{len(waits_for)} synchronous: nothing acknowledged is lost in a failover to it",
        )
    elif wanted and not hidden:
        words = f"synchronous_standby_names is {wanted!r}, and no such standby follows: nothing can be written"
        yield problem("standby", words, "start the standby, or correct synchronous_standby_names")
    elif wanted:
        yield ok(
            "standby",
            f"synchronous_standby_names is {wanted!r}; which follow is hidden from this role",
        )
    elif there:
        words = f"{len(there)} asynchronous: a failover loses what was acknowledged and had not arrived there"
        yield warning("standby", words, _ASYNCHRONOUS)
    else:
        yield ok("standby", "none: if PostgreSQL's disk is lost, the last backup is what remains")


def _schema(settings: Settings, found: Examination) -> Iterator[Finding]:
    name = settings.store.schema
    if found.version == VERSION:
        yield ok("schema", f"{name}, version {VERSION}")
    elif found.version == 0 and not found.around.may_create:
        words = f"the role may neither create the schema {name}, nor tables in it"
        advice = f"as a superuser, in that database: CREATE SCHEMA {name} AUTHORIZATION (the role)"
        yield problem("schema", words, advice)
    else:
        how = "be created" if found.version == 0 else f"be migrated from version {found.version}"
        yield ok("schema", f"{name} will {how} at the first start")


async def _nodes(settings: Settings, runs_here: bool) -> list[Finding]:
    try:
        async with open_shared(settings) as shared:
            view = await shared.ownership.view()
    except ConfigError as error:
        return [problem("nodes", str(error), "check again in a moment")]
    missing = [] if view.accounts else _not_copied(settings)
    return [*missing, *_names(settings, view, runs_here), *_owners(view)]


def _not_copied(settings: Settings) -> list[Finding]:
    """Say that there is a journal of a former time, whose accounts PostgreSQL does not know."""
    from openwx.service import JOURNAL  # noqa: PLC0415 - takes long to import, for this case alone

    journal = settings.data_dir / JOURNAL
    if not journal.is_file():
        return []
    words = f"{journal} is not used: PostgreSQL has no account yet, so all log in anew"
    return [warning("store", words, "before the first start: openwx journal copy")]


def _names(settings: Settings, view: ClusterView, runs_here: bool) -> Iterator[Finding]:
    names = sorted(one.node for one in view.nodes)
    mine = settings.cluster.node
    yield ok("nodes", f"{', '.join(names) or 'none'}; this one is {mine}")
    if mine in names and not runs_here:
        words = f"a node {mine} runs, but not with data_dir {settings.data_dir}, unless it was killed just now"
        yield warning("nodes", words, "give each node a name of its own: node under [cluster]")
    for name in with_other_secret(view, settings.cluster.secret):
        words = f"{name} has another cluster.secret: neither node forwards calls to the other"
        yield problem("nodes", words, "give all nodes the same secret under [cluster]")
    others = sorted(f"{one.node} {one.version}" for one in view.nodes if one.version != __version__)
    if others:
        words = f"not all nodes have the version of this openwx, {__version__}: {', '.join(others)}"
        yield warning("nodes", words, "update one node after the other: openwx cluster drain")
    for one in view.nodes:
        if one.is_draining:
            words = f"{one.node} hands its accounts over, and takes none"
            yield warning(
                "nodes", words, f"once it shall take some: openwx cluster drain {one.node} --undo"
            )


def _owners(view: ClusterView) -> Iterator[Finding]:
    missing = unowned(view)
    if not missing:
        return
    words = f"{', '.join(missing)}: no node runs what should run"
    if view.nodes:
        advice = "see openwx cluster status, and the log of each node: one may be full, or have other settings for it"
        yield problem("nodes", words, advice)
    else:
        yield warning("nodes", words, "start openwx")


def _proxies(settings: Settings) -> Iterator[Finding]:
    """Say from where accounts reach WeChat after a takeover: a session that changes its address may end."""
    none = []
    for name, account in settings.accounts.items():
        proxy = account.proxy_with(settings.environment_proxies)
        if proxy is None:
            none.append(name)
        elif proxy.source == "proxy" and _is_loopback(account.proxy or ""):
            words = (
                f"the proxy of {name} is on this machine, so another node has another one, or none"
            )
            yield warning("proxy", words, "name an address that is the same for all nodes")
    if none:
        words = f"{', '.join(none)}: no proxy; a takeover changes the address, unless all nodes share one (NAT)"
        yield ok("proxy", words)


def _is_loopback(url: str) -> bool:
    host = host_name(urlsplit(url).hostname or "")
    return host is not None and Listen(host=host).is_loopback
