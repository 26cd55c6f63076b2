"""Composition: from settings to a gateway that listens, and everything's end in the right order.
``openwx serve`` runs it.
"""

import asyncio
import errno
import logging
import ssl
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from filelock import FileLock, Timeout

from openwx import __version__, instance, metrics, store
from openwx.accounts import private_targets
from openwx.accounts.idempotency import KEPT_S
from openwx.accounts.manager import AccountManager
from openwx.accounts.media import types
from openwx.accounts.media.fetcher import Fetcher
from openwx.accounts.media.folder import MediaFolder
from openwx.accounts.media.keeping import tidy
from openwx.accounts.media.local import AllowedFiles
from openwx.accounts.private_targets import AddressGuard, given_by_caller
from openwx.accounts.registry import all_accounts
from openwx.accounts.resources import Resources
from openwx.api.access import Access
from openwx.api.app import make_runner
from openwx.cluster import errand
from openwx.cluster.home import home_of
from openwx.cluster.secret import proof_of
from openwx.config import Listen, Settings
from openwx.console import Console
from openwx.errors import ConfigError, LeaseLost, NotNowError, WeChatError
from openwx.reporter import clock as clocks
from openwx.reporter.clock import Clock
from openwx.store.base import InDoubt, Journal, JournalError, JournalUnavailable, Ownership
from openwx.store.files import FileStoreError, FileStoreRefusedError, MediaStore
from openwx.store.records import NodeOptions, WriteBatch
from openwx.timing import Timing
from openwx.transports import by_kind
from openwx.transports.base import Transport, TransportFactory
from openwx.transports.by_kind import TransportsByKind
from openwx.transports.network import Network
from openwx.transports.ratelimit import RateLimiter
from openwx.transports.web.transport import WebTransports

if TYPE_CHECKING:
    from openwx.api.peers.hops import Hops
    from openwx.cluster.node import ClusterNode

log = logging.getLogger("openwx")

JOURNAL = "journal.sqlite3"
PRUNE_EVERY_S = 600.0
DAY_S = 86_400.0


class Service:
    """A gateway that is up: ``urls`` to reach it, ``ended`` is set when every account has stopped."""

    def __init__(self, gateway: AccountManager, addresses: list[Listen], id: str) -> None:
        self.gateway = gateway
        self.urls = [one.url for one in addresses]
        self.urls_from_here = [one.from_here.url for one in addresses]
        self._id = id
        self.ended = asyncio.Event()

    @property
    def url(self) -> str:
        return self.urls[0]

    @property
    def known_as(self) -> instance.Instance:
        """The entry by which commands on this machine find the gateway."""
        return instance.Instance(id=self._id, urls=self.urls_from_here)


@asynccontextmanager
async def running(
    settings: Settings, *, pace: Timing | None = None, transports: TransportFactory | None = None
) -> AsyncIterator[Service]:
    """Run a gateway that listens, and its accounts; leaving stops them in good order.

    ``transports`` are those that the accounts' settings name where none are given.
    Raises ``ConfigError`` where the data folder or an address cannot be had.
    """
    async with AsyncExitStack() as stack:
        data_dir = data_folder(settings.data_dir, stack)
        clock = Clock()
        journal = await _open_journal(settings, data_dir, clock, stack)
        media_store = await _media_store(settings, stack)
        # All connections share the context that aiohttp has made already: another one takes 30 ms and its memory.
        connector = aiohttp.TCPConnector(limit=0)
        stack.push_async_callback(connector.close)
        http = await stack.enter_async_context(
            private_targets.session(aiohttp.TCPConnector(limit=0))
        )
        guard = (
            None if settings.access.allow_private_targets else await _address_guard(settings, stack)
        )
        network = Network(
            connector, guard.connector if guard else None, settings.environment_proxies
        )
        fetcher = Fetcher(settings.media.private_hosts)
        stack.push_async_callback(fetcher.close)
        timing = pace or Timing()
        folder = MediaFolder(settings.media_dir, max_size=settings.media.max_size)
        shared = Resources(
            journal=journal,
            transports=transports or _transports(network, timing),
            http=http,
            data_dir=data_dir,
            folder=folder,
            media_store=media_store,
            fetcher=fetcher,
            address_guard=guard,
            local_media=AllowedFiles(
                settings.media_roots, own=[data_dir, *settings.own_files], media=settings.media_dir
            ),
            downloads=settings.media.download,
            show_messages=settings.show_messages,
            colour=sys.stderr.isatty() and settings.log_path is None,
            pace=timing,
            clock=clock,
        )
        gateway = AccountManager(settings, shared)
        await gateway.restore()
        access = Access(settings.access)
        node = hops = None
        if journal.ownership is not None:
            node, hops = await _join_others(gateway, journal, journal.ownership, access, stack)
        service = await _listen(gateway, access, node, hops, stack)
        leave_word(data_dir / instance.RUNNING, service, stack)
        async with asyncio.TaskGroup() as tasks:
            background = [
                tasks.create_task(_prune(settings, gateway, shared), name="prune"),
                tasks.create_task(clocks.save(clock, journal), name="clock"),
            ]
            tasks.create_task(_run(service, background), name="gateway")
            tasks.create_task(_have_libmagic(), name="libmagic")
            owning = None if node is None else tasks.create_task(node.run(), name="node")
            try:
                yield service
            finally:
                if node is not None and owning is not None:
                    await node.leave()
                    await asyncio.wait({owning})
                gateway.stop()


async def _media_store(settings: Settings, stack: AsyncExitStack) -> MediaStore:
    """Open the store of media. One that is away now is told: its files stay on this node for so long.

    Raises ``ConfigError`` where it cannot work with these settings.
    """
    kind, node = settings.media_store, settings.cluster.node
    database = settings.store
    try:
        opened = await stack.enter_async_context(
            store.open_files(kind, url=database.url, schema=database.schema, node=node)
        )
        try:
            await opened.check()
        except FileStoreRefusedError:
            raise
        except FileStoreError as error:
            log.error("media.store %s: %s", kind, error)  # noqa: TRY400 - no bug
    except FileStoreRefusedError as error:
        raise ConfigError(f"media.store {kind}: {error}") from error
    return opened


async def _open_journal(
    settings: Settings, data_dir: Path, clock: Clock, stack: AsyncExitStack
) -> Journal:
    """Return the journal: the file in the data folder, or the database that nodes share. Raise ``ConfigError``."""
    location: str | Path = settings.store.url or data_dir / JOURNAL
    node = None if settings.store.url is None else _node_options(settings, data_dir)
    where = f"data_dir {data_dir}" if node is None else f"store.url {settings.store.shown}"
    try:
        opened = store.open(
            location, beside=[data_dir / instance.LOCK], schema=settings.store.schema, node=node
        )
        journal = await stack.enter_async_context(opened)
        await clocks.resume(clock, journal)
    except JournalError as error:
        kind = NotNowError if isinstance(error, JournalUnavailable) else ConfigError
        raise kind(f"{where}: {error}") from error
    return journal


def _node_options(settings: Settings, data_dir: Path) -> NodeOptions:
    return NodeOptions(
        node=settings.cluster.node,
        home=home_of(data_dir),
        url=settings.cluster.url,
        proof=proof_of(settings.cluster.secret),
        max_clients=settings.max_clients,
        lease_s=settings.cluster.lease,
    )


def _transports(network: Network, timing: Timing) -> TransportsByKind:
    """Return the factories of all transports."""

    def ilink() -> TransportFactory:
        # Benchmark rows `start` and `idle`: with the ciphers of its media, a tenth of a start and 7 MiB.
        from openwx.transports.ilink.transport import ILinkTransports  # noqa: PLC0415

        return ILinkTransports(network, timing)

    return TransportsByKind({"web": lambda: WebTransports(network, timing), "ilink": ilink})


async def _address_guard(settings: Settings, stack: AsyncExitStack) -> AddressGuard:
    guard = AddressGuard(settings.media.private_hosts)
    stack.push_async_callback(guard.close)
    return guard


async def _run(service: Service, background: Iterable[asyncio.Task[None]]) -> None:
    await service.gateway.run()
    for task in background:
        task.cancel()
    service.ended.set()


async def _have_libmagic() -> None:
    """Load libmagic at the start, so that a missing library is found then; but after the first answers."""
    try:
        await asyncio.to_thread(types.library)
    except (ImportError, OSError) as error:
        words = f"libmagic, which detects the type of media, does not load: {error}; install openwx anew with pip"
        raise ConfigError(words) from error


async def _prune(settings: Settings, gateway: AccountManager, shared: Resources) -> None:
    """Keep the journal, the folder of media and its store bounded."""
    journal, folder = shared.journal, shared.folder
    limits, keep_days = settings.journal, settings.media.keep_days
    while True:
        try:
            journal.require_writable()  # in a folder that another gateway has now, nothing is deleted
            await journal.prune(
                keep_s=limits.keep_days * DAY_S,
                keep=limits.keep_delivered,
                keep_failed=limits.keep_failed,
            )
            await journal.prune_media(keep_s=keep_days * DAY_S)
            await journal.prune_keys(keep_s=KEPT_S)
            wanted = {
                attachment
                for account in await gateway.accounts_in_journal()
                for attachment in await journal.files(account)
            }
            gone = await asyncio.to_thread(folder.clean, keep_days, wanted)
            if gone:
                words = "%d media older than %d days were deleted"
                metrics.dropped(
                    log, "old_media", words, gone, keep_days, count=gone, level=logging.INFO
                )
            await tidy(shared.media_store, folder, wanted)
        except (JournalError, InDoubt, LeaseLost, FileStoreError, OSError) as error:
            log.warning("old entries and media cannot be deleted now: %s", error)
        await asyncio.sleep(PRUNE_EVERY_S)


def data_folder(path: Path, stack: AsyncExitStack) -> Path:
    """Create and lock the data folder: one process uses it, and other users cannot read it."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(path / instance.LOCK, mode=0o600)
        lock.acquire(
            timeout=instance.LOCK_S, poll_interval=instance.LOCK_S / 10
        )  # a command may just look at it
    except Timeout:
        raise ConfigError(
            f"data_dir {path} is in use by another openwx; stop it, or choose another data_dir"
        ) from None
    except OSError as error:
        kind = NotNowError if error.errno in (errno.ENOSPC, errno.EDQUOT) else ConfigError
        raise kind(f"data_dir {path} cannot be used: {error.strerror or error}") from None
    stack.callback(lock.release)
    return path


def leave_word(file: Path, service: Service, stack: AsyncExitStack) -> None:
    """Let the commands beside it find the gateway, until it stops. It works without."""
    known = service.known_as
    try:
        instance.write(file, known)
    except OSError as error:
        words = "openwx status, doctor and outbox cannot find this gateway: %s: %s"
        log.warning(words, file, error.strerror or error)
        return
    stack.callback(_take_back, file, known)


def _take_back(file: Path, known: instance.Instance) -> None:
    try:
        instance.remove(file, known)
    except OSError as error:
        log.warning("%s cannot be removed: %s", file, error.strerror or error)


async def _listen(
    gateway: AccountManager,
    access: Access,
    node: "ClusterNode | None",
    hops: "Hops | None",
    stack: AsyncExitStack,
) -> Service:
    runner = make_runner(gateway, access, [Console(gateway, access, node, hops)], node, hops)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    listening: list[Listen] = []
    for number, address in enumerate(gateway.settings.listen):
        context = _tls(f"listen[{number}]", address)
        try:
            port = await runner.listen(address.host, address.port, context)
        except OSError as error:
            where = f"listen[{number}] {address.host}:{address.port}"
            raise ConfigError(_refusal(where, error)) from None
        listening.append(address.model_copy(update={"port": port}))
        gateway.port = gateway.port or port
    return Service(gateway, listening, runner.instance_id)


async def _join_others(
    gateway: AccountManager,
    journal: Journal,
    ownership: Ownership,
    access: Access,
    stack: AsyncExitStack,
) -> "tuple[ClusterNode, Hops | None]":
    """Return this process as one of the nodes that share the journal, and what asks the others, for which it listens;
    that only with ``cluster.secret``."""
    # Benchmark row `start`: 2 to 4 % of its CPU time, which a gateway that is alone does not spend.
    from openwx.accounts.media.probe import SharedFolder  # noqa: PLC0415
    from openwx.api.peering import Peers  # noqa: PLC0415
    from openwx.cluster.node import ClusterNode  # noqa: PLC0415

    settings, cluster = gateway.settings, gateway.settings.cluster
    is_folder = settings.media_store == "folder"
    shared_folder = SharedFolder(settings.media_dir) if is_folder else None
    node = ClusterNode(settings, gateway, journal, ownership, shared_folder)
    if cluster.secret is None:
        return node, None
    peers = Peers(gateway, node, access, cluster.secret)
    await peers.open(stack)
    if cluster.address is not None:
        context = _tls("cluster", cluster.address)
        try:
            await peers.listen(
                cluster.address, context, lambda hops: [Console(gateway, hops, node)], stack
            )
        except OSError as error:
            raise ConfigError(_refusal(f"cluster.listen {cluster.listen}", error)) from None
    return node, peers.hops


def _tls(where: str, address: Listen) -> ssl.SSLContext | None:
    if address.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(address.tls_cert, address.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{where}: tls_cert and tls_key do not work: {error}") from None
    return context


def _refusal(where: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{where} is taken by another program; choose another port (--port, or port under [[listen]])"
    return f"{where} cannot be listened on: {error.strerror or error}"


async def serve(settings: Settings, *, pace: Timing | None = None) -> None:
    """Run until every account has stopped, or until ``asyncio`` cancels this (SIGINT, SIGTERM)."""
    async with running(settings, pace=pace) as service:
        loop, _, _ = type(asyncio.get_running_loop()).__module__.partition(".")
        if loop != "asyncio":
            log.info("the event loop is that of %s", loop)
        for url in service.urls:
            log.info("openwx %s listens on %s/openwx/", __version__, url)
        log.info("open %s/ in a browser for the console", service.urls_from_here[0])
        try:
            await service.ended.wait()
        except asyncio.CancelledError:
            log.info("stopping")
            if (task := asyncio.current_task()) is not None:
                task.uncancel()


async def log_out(settings: Settings, only: str | None = None) -> None:
    """End the saved sessions at WeChat, and delete them: of all accounts, or of one. No gateway must use the data
    folder meanwhile, and no other node may run the accounts.

    A failure with one session does not stop the others. Raises ``ConfigError`` where the data folder is in use, an
    account runs elsewhere or is unknown, the first ``WeChatError`` where the logout did not reach WeChat, and
    ``LeaseLost`` once another node may run an account.
    """
    problem: WeChatError | None = None
    async with AsyncExitStack() as stack:
        data_dir = data_folder(settings.data_dir, stack)
        journal = await stack.enter_async_context(
            errand.opened(settings, data_dir, data_dir / JOURNAL)
        )
        accounts = await all_accounts(settings, journal)
        if only is not None:
            if only not in accounts:
                raise ConfigError(f"there is no account {only}; there are: {', '.join(accounts)}")
            accounts = {only: accounts[only]}
        await errand.claim(journal, list(accounts))
        connector = aiohttp.TCPConnector()
        stack.push_async_callback(connector.close)
        guard = await _address_guard(settings, stack)
        is_open = settings.access.allow_private_targets
        timing = Timing()
        guarded = None if is_open else guard.connector
        network = Network(connector, guarded, settings.environment_proxies)
        transports = _transports(network, timing)
        for name, account in accounts.items():
            given = set() if name in settings.accounts else given_by_caller(settings, account)
            was_logged_in = False
            for kind in transports.kinds:  # also of one that it had before
                of_kind = account.model_copy(update={"transport": kind})
                limiter = RateLimiter(account.send_interval, timing.too_often)
                is_guarded = not private_targets.TO_WECHAT.isdisjoint(given)
                gate = errand.gate_of(journal, name)
                transport = transports.create(
                    name, of_kind, limiter, is_guarded=is_guarded, gate=gate
                )
                stack.push_async_callback(transport.close)
                try:
                    was_logged_in |= await _end_session(name, transport, journal)
                except WeChatError as error:
                    was_logged_in = True
                    log.warning("%s: still logged in: %s", name, error)
                    problem = problem or error
            if not was_logged_in:
                log.info("%s: not logged in", name)
    if problem is not None:
        raise problem


async def _end_session(name: str, transport: Transport, journal: Journal) -> bool:
    """End the saved session of a transport. Return whether there was one."""
    saved = by_kind.of_saved(transport.kind, await journal.state(name))
    state = await transport.log_out(saved)
    if state:
        named = by_kind.to_saved(transport.kind, state)
        await journal.write(WriteBatch(account=name, state=named))
    return bool(state)
