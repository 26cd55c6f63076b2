"""Accounts that do not run in this process, as its callers are told of them. Routes and the console ask."""

import msgspec

from openwx.accounts.journal_guard import ELSEWHERE_S
from openwx.domain.events import State
from openwx.errors import CallerError, Code
from openwx.reasons import Reason, ReasonCode, reason
from openwx.store.records import ClusterView


class Whereabouts(msgspec.Struct, frozen=True):
    """Which node has an account."""

    account: str
    node: str = ""
    """Its name; empty while none has it."""
    wanted: bool = True
    silence: ReasonCode | None = None
    """Why its node says nothing of it, where it was asked."""

    @property
    def state(self) -> State:
        """The state, as far as this process knows it."""
        return State.INIT if self.wanted else State.STOP

    @property
    def reason(self) -> Reason:
        """Why it is in that state."""
        if not self.wanted:
            return reason(ReasonCode.STOPPED_BY_STOP_CLIENT)
        if not self.node:
            return reason(ReasonCode.ON_NO_NODE)
        return reason(self.silence or ReasonCode.ON_ANOTHER_NODE, node=self.node)

    def refusal(self) -> CallerError:
        """Make the answer (-4) to a call that only the process can answer in which the account runs."""
        words = self.reason.text
        return CallerError(
            Code.NOT_RUNNING,
            f"the account {self.account} does not run here: {words}",
            http_status=503,
            state=str(self.state),
            state_reason=words,
            node=self.node,
            retry_after=ELSEWHERE_S,
        )


def all_of(view: ClusterView) -> dict[str, Whereabouts]:
    """Return where each account is, by name."""
    nodes = {one.incarnation: one.node for one in view.nodes}
    return {
        one.account: Whereabouts(
            one.account, "" if one.owner is None else nodes.get(one.owner, ""), one.wanted
        )
        for one in view.accounts
    }
