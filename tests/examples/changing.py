"""Failures that all routes with state-changing calls share."""

from collections.abc import Mapping

from openwx.simulator import Fault

from .book import Act, Example, both, fails, refuses, wechat_is_away


def failures(params: Mapping[str, str], call: str, given: Act | None = None) -> list[Example]:
    """List the failures of a route. ``call`` is the WeChat call, ``given`` prepares its success."""
    first = [] if given is None else [given]
    return [
        Example("WeChat refuses", params, code=201, given=both(*first, refuses(call))),
        Example(
            "WeChat is out of reach", params, code=-1, given=both(*first, wechat_is_away)
        ),
        Example(
            "nobody knows whether it was done", params, code=-1, status=504,
            given=both(*first, fails(call, Fault.SERVER_ERROR)),
        ),
    ]  # fmt: skip


def no_such_friend(more: Mapping[str, str]) -> list[Example]:
    return [
        Example("no friend named", more, code=-2, status=400),
        Example("nobody is called so", {"displayname": "无此人", **more}, code=100),
        Example("two of one name", {"displayname": "张伟", **more}, code=102),
    ]


def no_such_group(more: Mapping[str, str]) -> list[Example]:
    return [
        Example("no group named", more, code=-2, status=400),
        Example("no group is called so", {"displayname": "无此群", **more}, code=100),
        Example("two of one name", {"displayname": "项目组", **more}, code=102),
    ]
