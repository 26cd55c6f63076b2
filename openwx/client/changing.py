"""Calls that change groups and friends. None is retried after a lost answer: it raises ``OutcomeUnknown``."""

from collections.abc import Iterable
from typing import Any

from openwx.client.answers import Done, GroupCreated, Invited, RequestAccepted
from openwx.client.calls import OUTCOME_S, Calls


class Changing(Calls):
    """Calls that change something at WeChat, and wait until it is done."""

    async def create_group(
        self, friends: Iterable[str], *, displayname: str | None = None
    ) -> GroupCreated:
        """Create a group of friends, by their ids, with a name."""
        parameters = {"friends": list(friends), "displayname": displayname}
        return await self._call("create_group", GroupCreated, parameters, wait_s=OUTCOME_S)

    async def invite_friend(
        self, friends: Iterable[str], *, id: str | None = None, displayname: str | None = None
    ) -> Invited:
        """Add friends, by their ids, to a group, or invite them if it is big."""
        parameters = {"friends": list(friends), "id": id, "displayname": displayname}
        return await self._call("invite_friend", Invited, parameters, wait_s=OUTCOME_S)

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
        """Give a friend a remark name, or with ``group_id`` a group's member; an empty one removes it."""
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
        """Send a friend request with this text to a member of a group."""
        await self._change("make_friend", id=id, verify=verify)

    async def accept_friend_request(
        self, id: str, ticket: str, *, displayname: str | None = None
    ) -> RequestAccepted:
        """Accept a ``FriendRequest`` event, by its id and ticket."""
        parameters = {"id": id, "ticket": ticket, "displayname": displayname}
        return await self._call(
            "accept_friend_request", RequestAccepted, parameters, wait_s=OUTCOME_S
        )

    async def _change(self, route: str, **parameters: Any) -> None:
        await self._call(route, Done, parameters, wait_s=OUTCOME_S)
