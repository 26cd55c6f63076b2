"""What changes groups and friends. None of it is asked again after a lost answer: ``OutcomeUnknown`` tells that."""

from collections.abc import Iterable
from typing import Any

from openwx.client.answers import Done, GroupCreated, Invited, RequestAccepted
from openwx.client.calls import OUTCOME_S, Calls


class Changing(Calls):
    """Calls that change something at WeChat; they wait until it is done."""

    async def create_group(
        self, friends: Iterable[str], *, displayname: str | None = None
    ) -> GroupCreated:
        """A new group of friends, by their ids, and its name."""
        given = {"friends": list(friends), "displayname": displayname}
        return await self._call("create_group", GroupCreated, given, wait_s=OUTCOME_S)

    async def invite_friend(
        self, friends: Iterable[str], *, id: str | None = None, displayname: str | None = None
    ) -> Invited:
        """Have friends, by their ids, join a group, or ask them to where it is big."""
        given = {"friends": list(friends), "id": id, "displayname": displayname}
        return await self._call("invite_friend", Invited, given, wait_s=OUTCOME_S)

    async def kick_group_member(
        self, members: Iterable[str], *, id: str | None = None, displayname: str | None = None
    ) -> None:
        """Remove members, by their ids, from a group that the account owns."""
        await self._change(
            "kick_group_member", members=list(members), id=id, displayname=displayname
        )

    async def set_group_displayname(
        self, new_displayname: str, *, id: str | None = None, displayname: str | None = None
    ) -> None:
        """Give a group another name."""
        await self._change(
            "set_group_displayname",
            new_displayname=new_displayname,
            id=id,
            displayname=displayname,
        )

    async def set_markname(
        self,
        new_markname: str,
        *,
        id: str | None = None,
        account: str | None = None,
        displayname: str | None = None,
        markname: str | None = None,
        group_id: str | None = None,
    ) -> None:
        """Give a friend a remark name, or with ``group_id`` a group's member; an empty one takes it away."""
        await self._change(
            "set_markname",
            new_markname=new_markname,
            id=id,
            account=account,
            displayname=displayname,
            markname=markname,
            group_id=group_id,
        )

    async def stick(
        self,
        *,
        on: bool = True,
        id: str | None = None,
        account: str | None = None,
        displayname: str | None = None,
        markname: str | None = None,
    ) -> None:
        """Pin a chat with a friend or group to the top, or unpin it."""
        await self._change(
            "stick", op=on, id=id, account=account, displayname=displayname, markname=markname
        )

    async def sticky_group(
        self, *, on: bool = True, id: str | None = None, displayname: str | None = None
    ) -> None:
        """Pin a group to the top, or unpin it."""
        await self._change("sticky_group", op=on, id=id, displayname=displayname)

    async def make_friend(self, id: str, *, verify: str | None = None) -> None:
        """Ask a group's member to be friends, with these words."""
        await self._change("make_friend", id=id, verify=verify)

    async def accept_friend_request(
        self, id: str, ticket: str, *, displayname: str | None = None
    ) -> RequestAccepted:
        """Say yes to a ``FriendRequest`` event, with the id and ticket that it tells."""
        given = {"id": id, "ticket": ticket, "displayname": displayname}
        return await self._call("accept_friend_request", RequestAccepted, given, wait_s=OUTCOME_S)

    async def _change(self, route: str, **given: Any) -> None:
        await self._call(route, Done, given, wait_s=OUTCOME_S)
