"""State of one account: the transport's while it runs, and its own once it has stopped.

It is set here alone. The account passes each change of the transport's state to ``note``.
"""

import asyncio
import logging

from openwx import metrics
from openwx.accounts.qrcode import LoginQRCode
from openwx.domain.events import State, StateChanged
from openwx.errors import CallerError, Code
from openwx.logcontext import bind
from openwx.reasons import Reason, ReasonCode
from openwx.transports.base import Transport

log = logging.getLogger("openwx.account")


class AccountStatus:
    """State and reason of one account. ``running`` is set while it runs, ``stopping`` once a stop was requested."""

    def __init__(self, account: str, transport: Transport, qrcode: LoginQRCode) -> None:
        self.running = asyncio.Event()
        self.stopping = asyncio.Event()
        self._account = account
        self._transport = transport
        self._qrcode = qrcode
        self._counts = metrics.of_account(account)
        self._stop_reason: Reason | None = None

    @property
    def state(self) -> State:
        return State.STOP if self.has_stopped else self._transport.standing.state

    @property
    def reason(self) -> Reason:
        return self._stop_reason or self._transport.standing.reason

    @property
    def has_stopped(self) -> bool:
        return self._stop_reason is not None

    @property
    def is_running(self) -> bool:
        """Whether the account can be used now."""
        return self.state is State.RUNNING and not self.stopping.is_set()

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
        if change.new is not State.SCANING:
            self._qrcode.clear()

    def require_running(self) -> None:
        """Raise ``CallerError`` (-4) unless the account can be used now."""
        if not self.is_running:
            raise self.not_running()

    def not_running(self) -> CallerError:
        """Make the answer to calls that need a running account."""
        words = self.reason.text
        return CallerError(
            Code.NOT_RUNNING,
            f"the account {self._account} is not running but {self.state}: {words}",
            state=str(self.state),
            state_reason=words,
        )
