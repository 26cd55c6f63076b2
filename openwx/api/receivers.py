"""The parameters that name who gets a message: a friend, the account's own person, or everybody. Routes take them."""

from typing import TYPE_CHECKING

from openwx.api.models import FriendSelectors
from openwx.domain.contacts import Friend, friend_displayname
from openwx.errors import CallerError, Code

if TYPE_CHECKING:
    from openwx.accounts.account import Account

TO_ALL = "@all"
TO_OWNER = "@owner"
"""The id of the account's own person, whatever the transport."""


class Receiver(FriendSelectors):
    """A friend, or with `id=@owner` the account's own person."""

    def selectors(self) -> dict[str, str]:
        """Return the selectors of the call. CallerError -2 if there are none, or others beside `@all` or `@owner`."""
        selectors = super().selectors()
        if self.id in (TO_ALL, TO_OWNER) and len(selectors) > 1:
            words = f"id={self.id} must stand without other selectors"
            raise CallerError(Code.BAD_PARAMETER, words)
        return selectors

    def friend(self, account: "Account", *, may_wait: bool = False) -> Friend:
        """Return the friend. CallerError: none (100), several (102), oneself, or a person not known yet (101).

        ``may_wait``: a message to the account's own person may wait until they write for the first time.
        """
        if self.id != TO_OWNER:
            return account.contacts.find_friend(**self.selectors())
        return owner_of(account, may_wait=may_wait)


def owner_of(account: "Account", *, may_wait: bool = False) -> Friend:
    """Return the account's own person. CallerError 101 while that is not known."""
    id = account.owner_id
    owner = account.contacts.friends.get(id or "")
    if owner is None and may_wait and id is not None and id in [one.id for one in account.budgets]:
        owner = Friend(id=id, uid=id, displayname=friend_displayname("", "", ""))
    if owner is None:
        words = f"id={TO_OWNER} is not known yet: your own WeChat must write to this account once"
        raise CallerError(Code.NOT_POSSIBLE, words)
    return owner
