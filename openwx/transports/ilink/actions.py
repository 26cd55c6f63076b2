"""What a bot can change: nothing at WeChat, and the local names of people. ``ILinkTransport.actions`` is this."""

from collections.abc import Sequence

from openwx.domain.contacts import Chat, Friend, Group, Member
from openwx.errors import CallerError, Code
from openwx.transports.base import Capability, ChangeSink, Joined
from openwx.transports.ilink.client import ILinkClient

KIND = "ilink"


def not_supported(capability: Capability) -> CallerError:
    """Make the answer for what no bot can do."""
    return CallerError(
        Code.NOT_SUPPORTED,
        f"a bot of iLink cannot do that: {capability} are not supported by this transport",
        transport=KIND,
        capability=str(capability),
    )


class ILinkContactActions:
    """Implements ``ContactActions`` for one account. All but ``set_markname`` raise ``CallerError`` (-10)."""

    pending = 0

    def __init__(self, client: ILinkClient, changes: ChangeSink) -> None:
        self._client = client
        self._changes = changes

    def contacts_changed(self) -> None:
        """Nothing waits for changes of contacts."""

    async def set_markname(self, person: Friend | Member, markname: str) -> None:
        """Give a person a local name. An empty one takes it away. Nothing reaches WeChat."""
        people = self._client.memory.people
        if not isinstance(person, Friend):
            raise not_supported(Capability.GROUPS)
        self._changes.require_writable()
        if person.id not in people.friends:
            raise CallerError(Code.NOT_FOUND, f"nobody with id={person.id} has written to the bot")
        events = people.name(person.id, markname)
        self._client.changed("people")
        await self._changes.record(events)

    async def create_group(self, friends: Sequence[Friend], name: str) -> Joined:
        raise not_supported(Capability.GROUPS)

    async def invite(self, group: Group, friends: Sequence[Friend]) -> Joined:
        raise not_supported(Capability.GROUPS)

    async def kick(self, group: Group, members: Sequence[Member]) -> None:
        raise not_supported(Capability.GROUPS)

    async def rename_group(self, group: Group, name: str) -> None:
        raise not_supported(Capability.GROUPS)

    async def stick(self, chat: Chat, *, on: bool) -> None:
        raise not_supported(Capability.CHANGES)

    async def make_friend(self, member: Member, words: str) -> None:
        raise not_supported(Capability.FRIEND_REQUESTS)

    async def accept(self, id: str, ticket: str) -> None:
        raise not_supported(Capability.FRIEND_REQUESTS)

    async def mark_read(self, chat: Chat) -> None:
        raise not_supported(Capability.MARK_READ)

    async def refresh(self, chat: Chat) -> int:
        raise not_supported(Capability.REFRESH)

    async def refresh_all(self) -> int:
        raise not_supported(Capability.REFRESH)

    async def recall(self, msg_id: str, chat_id: str) -> None:
        raise not_supported(Capability.RECALL)
