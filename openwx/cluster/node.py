"""This process as a node: it looks at the cluster again and again, and takes, hands over and stops accounts.
``service`` runs it.
"""

import asyncio
import logging
from collections.abc import Iterable
from functools import partial
from uuid import UUID

from openwx import metrics
from openwx.accounts import registry
from openwx.accounts.manager import AccountManager
from openwx.accounts.media.probe import SharedFolder
from openwx.accounts.registry import AccountRegistry
from openwx.cluster.beats import Beats
from openwx.cluster.directory import Directory
from openwx.cluster.placement import Absences, Decision, Placing, decide
from openwx.cluster.rows import Rows
from openwx.cluster.secret import with_other_secret
from openwx.cluster.starting import Starting
from openwx.cluster.term import STARTING_AT_A_TIME, Shared, TermRunner
from openwx.config import Settings
from openwx.errors import LeaseLost
from openwx.steady import steady
from openwx.store.base import InDoubt, Journal, JournalError, Ownership, Visits
from openwx.store.records import ClusterView
from openwx.throttle import Throttle

log = logging.getLogger("openwx.cluster")

LOOKS_PER_LEASE = 5
_LOG_EVERY_S = 60.0


class ClusterNode:
    """Runs the accounts that this node owns, and decides which these are: in ``run``, until ``leave``."""

    def __init__(
        self,
        settings: Settings,
        manager: AccountManager,
        journal: Journal,
        ownership: Ownership,
        folder: SharedFolder | None = None,
    ) -> None:
        """``folder``: what must be the same on all nodes, where that is the store of media."""
        self._folder = folder
        lease_s = settings.cluster.lease
        self.ownership = ownership
        self.directory = Directory(ownership)
        self.rows = Rows(settings)
        self.seen = ClusterView([], [])
        """The cluster, as this node saw it last."""
        self.beats = Beats()
        """How long each node is silent."""
        self.lost: list[str] = []
        """The accounts that no node can take."""
        self._settings = settings
        self._journal = journal
        self._look_every_s = lease_s / LOOKS_PER_LEASE
        starts = asyncio.Semaphore(STARTING_AT_A_TIME)
        self._shared = Shared(manager, ownership, journal, self.rows, starts)
        self._terms: dict[str, TermRunner] = {}
        self._absences = Absences(gap_s=lease_s)
        self._joined: tuple[UUID | None, float] = (None, 0.0)
        self._former: dict[str, int] = {}
        """The accounts of the former process of this home that nobody has owned since, and their terms then."""
        self._is_draining = False
        self._leaving = asyncio.Event()
        self._wake = asyncio.Event()
        self._told = Throttle(_LOG_EVERY_S)
        self.starting = Starting(
            settings, manager, journal, ownership, self.rows, self.directory, self._wake
        )
        """Starts and stops accounts, wherever they run."""

    # -- what others ask for ---------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name of this node."""
        return self.ownership.node

    @property
    def visits(self) -> Visits | None:
        """The logins to the console of all nodes."""
        return self._journal.visits

    @property
    def why_not_ready(self) -> str:
        """Why this node takes no calls for its accounts; empty while it does."""
        if self._is_draining or self._leaving.is_set():
            return "the node drains"
        if self._folder is not None and self._folder.trouble:
            return self._folder.trouble
        return "" if self.ownership.lease.is_valid else "the node has no lease"

    # -- life ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run accounts until ``leave``, and hand them over then."""
        async with asyncio.TaskGroup() as tasks:
            while not self._leaving.is_set():
                try:
                    await self._turn(tasks)
                except (JournalError, InDoubt, LeaseLost, TimeoutError) as error:
                    if self._told.allows():
                        why = str(error) or "the journal does not answer"
                        log.warning("the cluster cannot be seen now: %s", why)
                    await self._pause(hinted=False)
                else:
                    await self._pause(hinted=True)
            for term in self._terms.values():
                term.hand_over("")

    async def leave(self) -> None:
        """Take nothing any more, and have ``run`` return when all is handed over."""
        self._leaving.set()
        self._wake.set()
        try:
            await self.ownership.begin_to_leave()
        except JournalError as error:
            log.warning("the other nodes were not told that this one drains: %s", error)

    async def _turn(self, tasks: asyncio.TaskGroup) -> None:
        """Look at the cluster, and do what is to be done."""
        view = await self.directory.look()
        self.rows.note(view)
        self._shared.manager.note(self.rows.saved)
        self.seen = view
        self.beats.note(view, steady())
        if missing := self.rows.missing:
            async with asyncio.timeout(self._settings.cluster.lease):
                await self._add_rows(missing)
            self._wake.set()
            return
        me = view.node_of(self.ownership.incarnation)
        self._is_draining = me is not None and me.is_draining
        for name in self.ownership.owned:
            if name not in self._terms:
                self._begin(name, tasks)
        for term in self._terms.values():
            term.note()
        decision = decide(view, self._placing(view), self._absences.note(view, steady()))
        self._tell(decision)
        self._tell_of_secrets(view)
        for name in decision.stop:
            if name in self._terms:
                self._terms[name].stop()
        for name, to in decision.hand_over.items():
            if name in self._terms:
                self._terms[name].hand_over(to)
        if await self._has_folder(view) and decision.claim and self.ownership.lease.is_valid:
            await self._claim(decision.claim)

    async def _has_folder(self, view: ClusterView) -> bool:
        """Return whether this node has the folder of media that the others have, where they share one."""
        if self._folder is None:
            return True
        others = [one.incarnation for one in view.nodes]
        return not await self._folder.look(self.ownership.incarnation, others)

    def _placing(self, view: ClusterView) -> Placing:
        ownership = self.ownership
        if ownership.incarnation != self._joined[0]:
            self._joined = (ownership.incarnation, steady())
            self._former = {
                one.account: one.epoch for one in view.accounts if one.account in ownership.former
            }
        # Once another term has begun, whoever ended it has said where the account goes.
        terms = {one.account: one.epoch for one in view.accounts if one.owner is None}
        self._former = {
            name: epoch for name, epoch in self._former.items() if terms.get(name) == epoch
        }
        return Placing(
            incarnation=ownership.incarnation,
            lease_s=self._settings.cluster.lease,
            has_settled=steady() - self._joined[1] >= self._settings.cluster.join_pause,
            former=self._former,
            fits=self.rows.fits(),
            untold_stops=self.rows.untold_stops,
        )

    async def _claim(self, names: list[str]) -> None:
        """Claim accounts. The next look begins their terms: until the claim others may have changed their rows."""
        free = [name for name in names if name not in self._terms]
        for name in await self.ownership.claim(free):
            log.info("%s: this node has it now", name)
            row = self.rows.by_name[name]
            if row.epoch and row.wanted and name not in self._former:
                metrics.TAKEOVERS.inc()
            self._wake.set()

    def _begin(self, name: str, tasks: asyncio.TaskGroup) -> None:
        """Run an account that this node owns."""
        self._terms[name] = term = TermRunner(name, self._shared)
        tasks.create_task(self._run(name, term), name=f"term {name}")

    async def _run(self, name: str, term: TermRunner) -> None:
        try:
            await term.run()
            if name in self.ownership.owned:  # what it wrote is in doubt, but no other node has it
                log.error("%s: the journal failed it; this node lets it go in a while", name)
                await self._pause_after_a_bug(name)
        except Exception:
            log.exception("%s: a bug in openwx; this node lets it go in a while", name)
            await self._pause_after_a_bug(name)
        finally:
            del self._terms[name]
            self._wake.set()

    async def _pause_after_a_bug(self, name: str) -> None:
        """Keep an account for a lease, so that it does not go round all nodes without a pause; then release it."""
        try:
            async with asyncio.timeout(self._settings.cluster.lease):
                await self._leaving.wait()
        except TimeoutError:
            log.info("%s: another node may try it now", name)
        try:
            await self.ownership.release(name)
        except (JournalError, LeaseLost) as error:
            log.warning("%s: not released: %s", name, error)

    async def _add_rows(self, names: Iterable[str]) -> None:
        for name in names:
            await registry.change(
                self._journal, self.ownership, name, partial(self._with_row, name=name)
            )

    def _with_row(self, saved: AccountRegistry, *, name: str) -> AccountRegistry:
        """Add an account of the configuration, unless another node has."""
        return saved if name in saved.saved else saved.with_digest(name, self.rows.digest_of(name))

    def _tell(self, decision: Decision) -> None:
        self.lost = decision.lost
        for name in decision.lost:
            if self._told.allows(name):
                words = "%s: runs nowhere: no node has room for it, or knows it"
                log.error(words, name)

    def _tell_of_secrets(self, view: ClusterView) -> None:
        for node in with_other_secret(view, self._settings.cluster.secret):
            if self._told.allows((node, "secret")):
                words = (
                    "%s has another cluster.secret: neither node forwards calls to the other;"
                    " give all nodes the same one"
                )
                log.error(words, node)

    async def _pause(self, *, hinted: bool) -> None:
        """Wait until it is time to look, or until this process or (``hinted``) another one has changed something."""
        waits: list[asyncio.Future[object]] = [asyncio.ensure_future(self._wake.wait())]
        if hinted:
            waits.append(asyncio.ensure_future(self.ownership.until_hinted(self._look_every_s)))
        try:
            await asyncio.wait(
                waits, timeout=self._look_every_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for one in waits:
                one.cancel()
        self._wake.clear()
