"""State of one account: the transport's while it runs, and its own once it has stopped or while it is paused.
The parts of ``Account`` ask it.

It is set here alone. The account passes each change of the transport's state to ``note``.
"""

import asyncio
import logging

from openwx import metrics
from openwx.accounts.journal_guard import ELSEWHERE_S
from openwx.accounts.qrcode import LoginQRCode
from openwx.domain.events import State, StateChanged
from openwx.errors import CallerError, Code
from openwx.lease import Gate
from openwx.logcontext import bind
from openwx.reasons import Reason, ReasonCode, reason
from openwx.transports.base import Transport

log = logging.getLogger("openwx.account")

_ELSEWHERE = (ReasonCode.PAUSED, ReasonCode.HANDED_OVER, ReasonCode.ABANDONED)
_SETTLED = (State.RUNNING, State.SCANING, State.CONFIRMING)


class AccountStatus:
    """State and reason of one account. ``running`` is set while it runs, ``stopping`` once a stop was requested."""

    def __init__(self, account: str, transport: Transport, qrcode: LoginQRCode, gate: Gate) -> None:
        self.running = asyncio.Event()
        self.stopping = asyncio.Event()
        self.settled = asyncio.Event()
        """Set once it has started: it runs, or waits for a person."""
        self.is_handed_over = False
        """Whether it stops so that another process takes the account."""
        self._gate = gate
        self._account = account
        self._transport = transport
        self._qrcode = qrcode
        self._counts = metrics.of_account(account)
        self._stop_reason: Reason | None = None

    @property
    def state(self) -> State:
        if self.has_stopped:
            return State.STOP
        state = self._transport.standing.state
        return State.UPDATING if state is State.RUNNING and self.is_paused else state

    @property
    def reason(self) -> Reason:
        if self._stop_reason is None and self.is_paused:
            return reason(ReasonCode.PAUSED)
        return self._stop_reason or self._transport.standing.reason

    @property
    def is_paused(self) -> bool:
        """Whether nothing may be done for the account until this process has its lease again."""
        return self._gate.is_paused

    @property
    def has_stopped(self) -> bool:
        return self._stop_reason is not None

    @property
    def goes_on_elsewhere(self) -> bool:
        """Whether it ends here, and another process has it next."""
        return self.is_handed_over or self._gate.is_closed

    @property
    def is_running(self) -> bool:
        """Whether the account can be used now."""
        is_on = self._stop_reason is None and not self.stopping.is_set() and self._gate.is_open
        return is_on and self._transport.standing.state is State.RUNNING

    @property
    def may_call(self) -> bool:
        """Whether calls to WeChat may be made now, also in the last moments before a stop."""
        return self.running.is_set() and self._gate.is_open

    async def until_usable(self) -> None:
        """Wait until the account runs, and may act. Raise ``LeaseLost``."""
        await self.running.wait()
        while not self._gate.is_open:
            await self._gate.passed()
            await self.running.wait()

    async def until_permitted(self) -> bool:
        """Wait while the account is paused. Return whether it was. Raise ``LeaseLost``."""
        if self._gate.is_open:
            return False
        await self._gate.passed()
        return True

    def require_mine(self) -> None:
        """Raise ``CallerError`` (-4) while nothing may be accepted here: another process may have the account."""
        if self.is_paused or self.goes_on_elsewhere:
            raise self.not_running()

    def stop(self, reason: Reason | None = None) -> StateChanged | None:
        """Set the state to "stop", with the transport's reason where none is given. The change, if it is one."""
        if self._stop_reason is not None:
            return None
        former = self._transport.standing.state
        self._stop_reason = reason or self._transport.standing.reason
        return None if former is State.STOP else StateChanged(former, State.STOP, self.reason)

    def note(self, change: StateChanged) -> None:
        """Log and count a change, and set what depends on it."""
        with bind(event="state_change"):
            words = "%s: %s → %s (%s)"
            log.info(words, self._account, change.old, change.new, change.reason.text)
        if change.reason.code in (ReasonCode.SESSION_ENDED, ReasonCode.LOGIN_REFUSED):
            self._counts.session_ended(change.reason.ret)
        if change.new is State.RUNNING:
            self.running.set()
        else:
            self.running.clear()
        if change.new in _SETTLED:
            self.settled.set()
        if change.new is not State.SCANING:
            self._qrcode.clear()

    def require_running(self) -> None:
        """Raise ``CallerError`` (-4) unless the account can be used now."""
        if not self.is_running:
            raise self.not_running()

    def not_running(self) -> CallerError:
        """Make the answer to calls that need a running account."""
        why = self._reason_for_callers()
        more = {"retry_after": ELSEWHERE_S} if why.code in _ELSEWHERE else {}
        return CallerError(
            Code.NOT_RUNNING,
            f"the account {self._account} is not running but {self.state}: {why.text}",
            state=str(self.state),
            state_reason=why.text,
            **more,
        )

    def _reason_for_callers(self) -> Reason:
        """Return the reason, also in the moment before it is that of the state."""
        if self._stop_reason is None and self._gate.is_closed:
            return reason(ReasonCode.ABANDONED)
        if self._stop_reason is None and self.is_handed_over:
            return reason(ReasonCode.HANDED_OVER)
        return self.reason
