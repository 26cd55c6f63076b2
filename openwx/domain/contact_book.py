"""The contacts of an account and the look-ups among them, for any transport.
Transports fill it; routes and the console look up.
"""

from typing import TypeVar

from openwx.domain.chat_ref import ChatRef, Identity, fingerprint_of
from openwx.domain.contacts import Chat, Friend, Group, Member, User
from openwx.domain.matching import called, found_by, matching, resembling
from openwx.errors import CallerError, Code

ContactT = TypeVar("ContactT", bound=Friend | Group | User)


class ContactBook:
    """The user, friends and groups of an account. A transport keeps them up to date."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.friends: dict[str, Friend] = {}
        self.groups: dict[str, Group] = {}

    def chat(self, id: str) -> Chat | None:
        """Return the friend or group with this id."""
        return self.groups.get(id) or self.friends.get(id)

    def find_friend(self, **selectors: str) -> Friend:
        """Return the one friend with all of these attributes.

        Raises ``CallerError``: none (100), several (102), the account itself by its id or account (101).
        """
        found = found_by(self.friends, selectors)
        if not found and self._is_oneself(selectors):
            raise CallerError(
                Code.NOT_POSSIBLE, "that is the account itself, and no friend of its own"
            )
        return _only("friend", found, selectors)

    def _is_oneself(self, selectors: dict[str, str]) -> bool:
        own = (self.user.id, self.user.account)
        named = (selectors.get("id"), selectors.get("account"))
        return any(mine and mine == name for mine, name in zip(own, named, strict=True))

    def find_group(self, **selectors: str) -> Group:
        """Return the one group with all of these attributes. Raises ``CallerError``: none (100), several (102)."""
        return _only("group", found_by(self.groups, selectors), selectors)

    def find_anybody(self, **selectors: str) -> Chat | User:
        """Return the one friend or group, or the user, with all of these attributes.

        Raises ``CallerError``: none (100), several (102).
        """
        return _only("contact", self._found(selectors, {self.user.id: self.user}), selectors)

    def find_chat(self, **selectors: str) -> Chat:
        """Return the one friend or group with all of these attributes.

        Raises ``CallerError``: none (100), several (102), the account itself by its id or account (101).
        """
        found = [one for one in self._found(selectors, {}) if not isinstance(one, User)]
        if not found and self._is_oneself(selectors):
            words = "the account has no chat with itself; filehelper is one"
            raise CallerError(Code.NOT_POSSIBLE, words)
        return _only("friend or group", found, selectors)

    def _found(self, selectors: dict[str, str], users: dict[str, User]) -> list[Chat | User]:
        """Return friends, groups and users with all of these attributes; in any spelling if none has them exactly."""
        found: list[Chat | User] = []
        for find in (matching, resembling):
            found += find(self.friends, selectors)
            if selectors.keys() <= {"id", "displayname"}:
                found += find(self.groups, selectors)
            found += find(users, selectors)
            if found:
                break
        return found

    def find_member(self, group: Group, id: str) -> Member:
        """Return a group's member by id. Raises ``CallerError`` (100) where there is none."""
        member = group.members.get(id)
        if member is None:
            raise CallerError(Code.NOT_FOUND, f"no member of {group.displayname} with id={id}")
        return member

    def find_member_anywhere(self, id: str) -> tuple[Member, Group]:
        """Return a member by id and the first group that has this member. Raises ``CallerError`` (100) where there is
        none."""
        for group in self.groups.values():
            if member := group.members.get(id):
                return member, group
        raise CallerError(Code.NOT_FOUND, f"no group has a member with id={id}")

    def search_friends(self, part: str = "", **attributes: str) -> list[Friend]:
        """Return the friends with all of these attributes, and with this part in one of their names."""
        return called(found_by(self.friends, attributes), part)

    def search_groups(self, part: str = "", **attributes: str) -> list[Group]:
        """Return the groups with all of these attributes, and with this part in one of their names."""
        return called(found_by(self.groups, attributes), part)

    def find_again(self, ref: ChatRef) -> Chat | None:
        """Return a chat of a former login: the one with its uid, or the only record that is otherwise unchanged."""
        chats: list[Chat] = [*(self.groups if ref.group else self.friends).values()]
        if ref.uid != "":
            same = [chat for chat in chats if chat.uid == ref.uid]
            if same:
                return same[0] if len(same) == 1 else None
        same = [
            chat
            for chat in chats
            if "" in (chat.uid, ref.uid) and fingerprint_of(chat) == ref.fingerprint
        ]
        return same[0] if len(same) == 1 else None

    def id_of(self, ref: ChatRef, identity: Identity | None) -> str | None:
        """Return the id of a chat in the present login; None where it cannot be found for certain."""
        if identity is None:
            return ref.id
        if ref.login == identity.login_id and ref.uin in ("", identity.uin):
            return ref.id
        found = self.find_again(ref) if ref.uin == identity.uin else None
        return found.id if found else None


def _only(what: str, matches: list[ContactT], selectors: dict[str, str]) -> ContactT:
    if len(matches) == 1:
        return matches[0]
    asked = ", ".join(f"{name}={value}" for name, value in selectors.items())
    if not matches:
        raise CallerError(Code.NOT_FOUND, f"no {what} with {asked}")
    raise CallerError(
        Code.AMBIGUOUS,
        f"{len(matches)} {what}s with {asked}: nothing was done; name one by its id",
        candidates=[{"id": chat.id, "displayname": chat.displayname} for chat in matches],
    )
