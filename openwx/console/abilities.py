"""What an account can do over its transport, in words, and how much it may still send to whom: for the overview.
``accounts`` shows it.
"""

import time
from typing import TYPE_CHECKING

import msgspec

from openwx.console.translation import Translator
from openwx.transports.base import Capability, SendBudget

if TYPE_CHECKING:
    from openwx.accounts.account import Account

ORDER = (
    Capability.SEND_TEXT,
    Capability.SEND_MEDIA,
    Capability.CONTACTS,
    Capability.GROUPS,
    Capability.MEMBERS,
    Capability.AVATARS,
    Capability.RECALL,
    Capability.CHANGES,
    Capability.FRIEND_REQUESTS,
    Capability.MARK_READ,
    Capability.REFRESH,
)


class BudgetView(msgspec.Struct, frozen=True):
    """How many messages may be sent to somebody, until when (Unix time); ``left`` is 0 when that is over."""

    name: str
    left: int
    until: float


class Abilities(msgspec.Struct, frozen=True):
    """What an account can do and cannot do, in the reader's language, and its budgets."""

    can: list[str]
    cannot: list[str]
    budgets: list[BudgetView]


def abilities_of(account: "Account", t: Translator) -> Abilities:
    """Collect what the overview says of an account's transport."""
    words = {one: t.of_code("can", one) for one in ORDER}
    return Abilities(
        can=[words[one] for one in ORDER if one in account.capabilities],
        cannot=[words[one] for one in ORDER if one not in account.capabilities],
        budgets=[_budget(account, one) for one in account.budgets],
    )


def _budget(account: "Account", budget: SendBudget) -> BudgetView:
    chat = account.contacts.chat(budget.id)
    left = budget.sends_left if budget.until > time.time() else 0
    return BudgetView(chat.displayname if chat else budget.id, max(0, left), budget.until)
