"""Examples of the routes that list and search the user, friends and groups."""

from .book import Example, Topic

NOBODY = Example("nobody is so", {"name": "无此人"}, code=100)

TOPIC: Topic = {
    "get_user_info": [Example("the account itself")],
    "get_friend_info": [Example("all friends")],
    "get_group_info": [Example("all groups")],
    "get_group_basic_info": [Example("all groups, without members")],
    "search_friend": [
        Example("by account", {"account": "xiaohui2016"}),
        Example("two of one name", {"name": "张伟"}),
        Example("part of a name", {"q": "小"}),
        NOBODY,
        Example("no attribute", code=-2, status=400),
        Example("an attribute that friends do not have", {"age": "18"}, code=-2, status=400),
    ],
    "search_group": [
        Example("by name", {"displayname": "PERL学习交流"}),
        Example("part of a name", {"q": "perl"}),
        NOBODY,
        Example("no attribute", code=-2, status=400),
        Example("an attribute that groups do not have", {"age": "18"}, code=-2, status=400),
    ],
}
