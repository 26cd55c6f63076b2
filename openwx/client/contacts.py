"""Calls that look up the user, friends, groups and their pictures."""

from openwx.client.answers import Friend, Group, GroupBasics, Image, User
from openwx.client.calls import Calls


class Contacts(Calls):
    """Look-ups. All selectors that are given must match exactly."""

    async def get_user_info(self) -> User:
        """Get the account itself."""
        return await self._call("get_user_info", User, {}, again=True)

    async def get_friend_info(self) -> list[Friend]:
        """Get all friends, public accounts and system accounts."""
        return await self._call("get_friend_info", list[Friend], {}, again=True)

    async def get_group_info(self) -> list[Group]:
        """Get all groups with their members."""
        return await self._call("get_group_info", list[Group], {}, again=True)

    async def get_group_basic_info(self) -> list[GroupBasics]:
        """Get all groups, with the number of their members instead of the members."""
        return await self._call("get_group_basic_info", list[GroupBasics], {}, again=True)

    async def search_friend(self, **attributes: str) -> list[Friend]:
        """Find friends by attributes (any field of ``Friend``), and by ``q``, part of any of the names. Raises
        ``NotFound``."""
        return await self._call("search_friend", list[Friend], attributes, again=True)

    async def search_group(self, **attributes: str) -> list[Group]:
        """Find groups by attributes (any field of ``Group`` but ``member``), and by ``q``, part of a name. Raises
        ``NotFound``."""
        return await self._call("search_group", list[Group], attributes, again=True)

    async def get_avatar(
        self,
        *,
        id: str | None = None,
        account: str | None = None,
        displayname: str | None = None,
        markname: str | None = None,
        group_id: str | None = None,
    ) -> Image:
        """Get the picture of the user, a friend, a group, or of a group's member by ``id`` (and ``group_id``)."""
        parameters = {
            "id": id,
            "account": account,
            "displayname": displayname,
            "markname": markname,
            "group_id": group_id,
        }
        return Image(*await self._image("get_avatar", parameters))
