"""The state of an account, and why it is in it. Each transport keeps one, and ``Account`` reads it."""

import time

from msgspec.structs import replace

from openwx.domain.events import State, StateChanged
from openwx.errors import SessionEnded, Unreachable, WeChatError
from openwx.reasons import Reason, ReasonCode, of_session_end, of_stall, reason


class Standing:
    """``stalled_after_s``: without being heard of for so long, a running account is no longer running."""

    def __init__(self, stalled_after_s: float) -> None:
        self._stalled_after_s = stalled_after_s
        self._heard: float | None = None
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
        self._heard = time.monotonic()

    @property
    def sync_age_s(self) -> float | None:
        """Seconds since WeChat was last heard of in full; None before the first time."""
        return None if self._heard is None else time.monotonic() - self._heard

    @property
    def until_stalled_s(self) -> float | None:
        """The time until "running" is a lie, at least 0; None while the account does not run."""
        age_s = self.sync_age_s
        if self.state is not State.RUNNING or age_s is None:
            return None
        return max(0.0, self._stalled_after_s - age_s)

    def stalled(self, call: str) -> Reason:
        """Note that the account is stalled, because this call is not answered. Return the reason."""
        if self.trouble is None:
            self.trouble = Unreachable(call, "WeChat does not answer")
        return of_stall(self.trouble, self._stalled_after_s)
