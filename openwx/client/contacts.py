"""Who there is: the user, friends, groups, their pictures."""

from openwx.client.answers import Friend, Group, GroupBasics, Image, User
from openwx.client.calls import Calls


class Contacts(Calls):
    """Calls that look up. Selectors must all match exactly; those that are not given do not count."""

    async def get_user_info(self) -> User:
        """The account itself."""
        return await self._call("get_user_info", User, {}, again=True)

    async def get_friend_info(self) -> list[Friend]:
        """All friends, public accounts and system accounts."""
        return await self._call("get_friend_info", list[Friend], {}, again=True)

    async def get_group_info(self) -> list[Group]:
        """All groups with their members."""
        return await self._call("get_group_info", list[Group], {}, again=True)

    async def get_group_basic_info(self) -> list[GroupBasics]:
        """All groups, with the number of their members instead of the members."""
        return await self._call("get_group_basic_info", list[GroupBasics], {}, again=True)

    async def search_friend(self, **attributes: str) -> list[Friend]:
        """The friends whose attributes (any field of ``Friend``) are as given. Raises ``NotFound``."""
        return await self._call("search_friend", list[Friend], attributes, again=True)

    async def search_group(self, **attributes: str) -> list[Group]:
        """The groups whose attributes (any field of ``Group`` but ``member``) are as given. Raises ``NotFound``."""
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
        """The picture of the user, a friend, a group, or of a group's member by ``id`` (and ``group_id``)."""
        given = {
            "id": id,
            "account": account,
            "displayname": displayname,
            "markname": markname,
            "group_id": group_id,
        }
        return Image(*await self._image("get_avatar", given))
