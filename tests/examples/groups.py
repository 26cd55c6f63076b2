"""Examples of the routes that change groups."""

from .book import Example, Scene, Topic
from .changing import failures, no_such_group

OWN = {"displayname": "PERL学习交流"}
FRIENDS = {"friends": "{小灰},{momo}"}
NEW_NAME = {"new_displayname": "PERL 与 Python"}


async def two_outsiders(scene: Scene) -> None:
    """Add two friends that are not in the group; new ones each time."""
    number = len(scene.account.friends)
    people = [scene.account.add_friend(f"新朋友{number}{letter}") for letter in "甲乙"]
    await scene.world.receiver.gets(
        len([one for one in scene.account.friends if one.nickname.startswith("新朋友")]),
        event="new_friend",
    )
    scene.words["outsiders"] = ",".join(scene.id_of(person) for person in people)


async def two_members(scene: Scene) -> None:
    """Add two members to the account's own group; new ones each time."""
    group = scene.own_group()
    before = len(scene.world.receiver.events("new_group_member"))
    people = [group.add_member(f"新成员{before}{letter}") for letter in "甲乙"]
    await scene.world.receiver.gets(before + 2, event="new_group_member")
    scene.words["members"] = ",".join(scene.id_of(member.person) for member in people)


TOPIC: Topic = {
    "create_group": [
        Example("of two friends", FRIENDS | {"displayname": "读书会"}),
        Example("a stranger", {"friends": "{stranger},{小灰}"}, code=100),
        Example("with oneself", {"friends": "{me},{小灰}"}, code=101),
        Example("of nobody", {"friends": ""}, code=200),
        Example(
            "a name over two lines", FRIENDS | {"displayname": "读书\n会"}, code=-2, status=400
        ),
        *failures(FRIENDS | {"displayname": "读书会"}, "webwxcreatechatroom"),
    ],
    "invite_friend": [
        Example("two friends", OWN | {"friends": "{outsiders}"}, given=two_outsiders),
        *no_such_group(FRIENDS),
        Example("oneself", OWN | {"friends": "{me}"}, code=101),
        Example("nobody", OWN, code=200),
        *failures(OWN | {"friends": "{outsiders}"}, "webwxupdatechatroom", two_outsiders),
    ],
    "kick_group_member": [
        Example("two members", OWN | {"members": "{members}"}, given=two_members),
        *no_such_group({"members": "{小灰}"}),
        Example("oneself", OWN | {"members": "{me}"}, code=101),
        Example("nobody", OWN, code=200),
        *failures(OWN | {"members": "{members}"}, "webwxupdatechatroom", two_members),
    ],
    "set_group_displayname": [
        Example("another name", {"id": "{own group}"} | NEW_NAME),
        *no_such_group(NEW_NAME),
        Example("no name", OWN, code=-2, status=400),
        *failures({"id": "{own group}", "new_displayname": "读书会"}, "webwxupdatechatroom"),
    ],
}
