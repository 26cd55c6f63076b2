"""The people who have written to a bot: its contacts. The service tells nothing of them but their ids.
``Inbound`` adds them.

A person's id lasts, so it is the ``uid``, too. Names are local: whoever runs openwx gives them. ``Memory``
holds and saves them.
"""

import msgspec
from msgspec.structs import replace

from openwx.domain.chat_ref import ChatRef, Identity
from openwx.domain.contact_book import ContactBook
from openwx.domain.contacts import Friend, User, friend_displayname
from openwx.domain.events import ContactsLoaded, Event, PropertyChanged
from openwx.transports.ilink.session import Session

MOST_PEOPLE = 10_000
"""A bound, should strangers be able to write to a bot one day: in practice one bot has one person."""


class _Saved(msgspec.Struct):
    owner: str
    names: dict[str, str]


class People(ContactBook):
    """The contacts of the person ``owner``'s bot."""

    def __init__(self, owner: str = "", names: dict[str, str] | None = None) -> None:
        super().__init__(User(id=owner, uid=owner))
        self.owner = owner
        self._undelivered: set[str] = set()
        for id, name in (names or {}).items():
            self._put(id, name)

    def to_bytes(self, *, delivered_only: bool = False) -> bytes:
        """Encode who is known. ``delivered_only``: without those whose ``ChatAdded`` is not delivered yet."""
        left_out = self._undelivered if delivered_only else ()
        names = {id: one.markname for id, one in self.friends.items() if id not in left_out}
        return msgspec.json.encode(_Saved(self.owner, names))

    @classmethod
    def from_bytes(cls, data: bytes, owner: str) -> "People":
        """Read who was known; nobody where that was another person's bot. Raises one of ``UNREADABLE``."""
        saved = msgspec.json.decode(data, type=_Saved)
        return cls(owner, saved.names if saved.owner == owner else None)

    def use(self, session: Session) -> None:
        """Take note of the present bot."""
        self.user = replace(self.user, account=session.bot_id)

    def meet(self, id: str) -> Friend:
        """Return the person who writes, who is a contact from now on: at most ``MOST_PEOPLE`` are, and the owner."""
        if id not in self.friends:
            if len(self.friends) >= MOST_PEOPLE and id != self.owner:
                return Friend(id=id, uid=id, displayname=friend_displayname("", "", ""))
            self._put(id, "")
            self._undelivered.add(id)
        return self.friends[id]

    def delivered(self) -> None:
        """Note that everybody's ``ChatAdded`` is delivered."""
        self._undelivered.clear()

    def id_of(self, ref: ChatRef, identity: Identity | None) -> str | None:
        """Return the id of a chat. The owner is found before they have written, too."""
        return self.owner if ref.id == self.owner else super().id_of(ref, identity)

    def name(self, id: str, name: str) -> list[Event]:
        """Give a person a local name; an empty one takes it away. Return what changed."""
        old = self.friends.get(id)
        if old is None:
            return []
        new = self._put(id, name)
        return [
            PropertyChanged(new, field, getattr(old, field), getattr(new, field))
            for field in ("markname", "displayname")
            if getattr(old, field) != getattr(new, field)
        ]

    def loaded(self) -> ContactsLoaded:
        return ContactsLoaded(self.user, list(self.friends.values()), [])

    def _put(self, id: str, name: str) -> Friend:
        shown = friend_displayname("", name, "")
        self.friends[id] = friend = Friend(id=id, uid=id, markname=name, displayname=shown)
        if id == self.owner:
            self.user = replace(self.user, markname=name, displayname=shown)
        return friend
