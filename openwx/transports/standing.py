"""The state of an account, and why it is in it. Each transport keeps one, and ``Account`` reads it."""

import time

from msgspec.structs import replace

from openwx.domain.events import State, StateChanged
from openwx.errors import SessionEnded, Unreachable, WeChatError
from openwx.lease import Gate, always_open
from openwx.reasons import Reason, ReasonCode, of_session_end, of_stall, reason


class Standing:
    """``stalled_after_s``: without being heard of for so long, a running account is no longer running.

    While the ``gate`` is not open, WeChat is not asked, and its silence means nothing.
    """

    def __init__(self, stalled_after_s: float, gate: Gate | None = None) -> None:
        self._stalled_after_s = stalled_after_s
        self._gate = gate or always_open()
        self._heard: float | None = None
        self._listens_since = 0.0
        self.state = State.INIT
        self.reason = reason(ReasonCode.STARTING)
        self.trouble: WeChatError | None = None
        """The error because of which it does not run: a refused login, or one after which it tries again. None while
        it runs, and while it waits for a person only."""
        self.session_end: SessionEnded | None = None
        """Why the former session ended, until the next one runs."""

    def change(self, state: State, why: Reason) -> StateChanged | None:
        """Set state and reason. Return the event; None if only the reason is new."""
        if state is State.RUNNING:
            self.session_end = None
        if state in (State.SCANING, State.CONFIRMING, State.RUNNING):
            self.trouble = None
        old, self.state = self.state, state
        self.reason = why if state is State.STOP else self._with_cause(why)
        return None if old is state else StateChanged(old, state, self.reason)

    def note(self, why: Reason, trouble: WeChatError | None) -> None:
        """Set the reason, which is no event."""
        self.reason, self.trouble = self._with_cause(why), trouble

    def end(self, error: SessionEnded) -> Reason:
        """Remember why the session is over. Return it as a reason."""
        self.trouble, self.session_end = None, error
        return of_session_end(error)

    def _with_cause(self, why: Reason) -> Reason:
        """Add why WeChat ended the last session, so that it can be read until the account runs again."""
        if self.session_end is None or why.code is ReasonCode.SESSION_ENDED:
            return why
        return replace(why, cause=of_session_end(self.session_end))

    # -- whether WeChat is heard of --------------------------------------------------------------------------

    def heard(self) -> None:
        """Note that WeChat has just been heard of in full."""
        self._heard = self._listens_since = time.monotonic()

    async def may_call(self) -> None:
        """Wait until WeChat may be called, however long that takes. Raise ``LeaseLost``."""
        if not self._gate.is_open:
            await self._gate.passed()
            self._listens_since = time.monotonic()

    @property
    def sync_age_s(self) -> float | None:
        """Seconds since WeChat was last heard of in full; None before the first time."""
        return None if self._heard is None else time.monotonic() - self._heard

    @property
    def until_stalled_s(self) -> float | None:
        """The time until "running" is a lie, at least 0; None while the account does not run, or may not call."""
        if self.state is not State.RUNNING or self._heard is None or not self._gate.is_open:
            return None
        return max(0.0, self._listens_since + self._stalled_after_s - time.monotonic())

    def stalled(self, call: str) -> Reason:
        """Note that the account is stalled, because this call is not answered. Return the reason."""
        if self.trouble is None:
            self.trouble = Unreachable(call, "WeChat does not answer")
        return of_stall(self.trouble, self._stalled_after_s)
