"""What a route needs of an account's transport, and the answer where that lacks it (code -10).
``route(needs=…)`` declares it, and ``endpoints`` checks it; handlers call ``require`` for what depends on parameters.
"""

from typing import TYPE_CHECKING

from openwx.errors import CallerError, Code
from openwx.transports.base import Capability

if TYPE_CHECKING:
    from openwx.accounts.account import Account

_WORDS: dict[Capability, str] = {
    Capability.CONTACTS: "contacts",
    Capability.GROUPS: "groups",
    Capability.MEMBERS: "members of groups",
    Capability.AVATARS: "pictures of people and groups",
    Capability.RECALL: "recalls",
    Capability.CHANGES: "changes of chats and contacts",
    Capability.FRIEND_REQUESTS: "friend requests",
    Capability.SEND_TEXT: "texts to send",
    Capability.SEND_MEDIA: "media to send",
    Capability.MARK_READ: "chats to mark as read",
    Capability.REFRESH: "contacts to fetch anew",
}


def require(account: "Account", *needs: Capability) -> None:
    """Raise ``CallerError`` (-10) for the first of ``needs`` that the account's transport lacks."""
    for one in needs:
        if one not in account.capabilities:
            kind = account.transport_kind
            words = f"the account {account.name} cannot do this: its transport {kind} has no {_WORDS[one]}"
            raise CallerError(Code.NOT_SUPPORTED, words, transport=kind, capability=str(one))
