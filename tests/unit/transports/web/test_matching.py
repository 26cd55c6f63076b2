"""Chats are found by every attribute that callers can search for."""

import pytest

from openwx.domain.contacts import Friend, Group, Uid
from openwx.domain.matching import matching

UIDS: dict[str, Uid] = {"a": 7, "b": "wxid_b", "c": ""}
FRIENDS = {
    id: Friend(
        account=f"wx{id}",
        name=f"name {id}",
        markname=f"remark {id}",
        sex={"a": "male", "b": "female", "c": "male"}[id],
        display=f"display {id}",
        city=f"city {id}",
        signature=f"signature {id}",
        province=f"province {id}",
        id=id,
        uid=UIDS[id],
        displayname=f"shown {id}",
        category=f"category {id}",
    )
    for id in "abc"
}
GROUPS = {
    id: Group(name=f"name {id}", id=id, uid=uid, owner_uid=uid + 10, displayname=f"shown {id}")
    for uid, id in enumerate(("@@a", "@@b"), start=1)
}


@pytest.mark.parametrize("attribute", Friend.__struct_fields__)
def test_a_friend_is_found_by_each_attribute(attribute: str) -> None:
    b = FRIENDS["b"]
    assert matching(FRIENDS, {attribute: str(getattr(b, attribute))}) == [b]
    assert matching(FRIENDS, {attribute: "nobody's"}) == []


@pytest.mark.parametrize("attribute", ["name", "id", "uid", "owner_uid", "displayname"])
def test_a_group_is_found_by_each_attribute(attribute: str) -> None:
    b = GROUPS["@@b"]
    assert matching(GROUPS, {attribute: str(getattr(b, attribute))}) == [b]
    assert matching(GROUPS, {attribute: "nobody's"}) == []


def test_all_attributes_count() -> None:
    assert matching(FRIENDS, {"sex": "male"}) == [FRIENDS["a"], FRIENDS["c"]]
    assert matching(FRIENDS, {"sex": "male", "city": "city c"}) == [FRIENDS["c"]]
    assert matching(FRIENDS, {"id": "a", "sex": "male"}) == [FRIENDS["a"]]
    assert matching(FRIENDS, {"id": "a", "sex": "female"}) == []
    assert matching(FRIENDS, {}) == list(FRIENDS.values())


@pytest.mark.parametrize(("uid", "ids"), [("7", ["a"]), ("07", []), ("", ["c"]), ("wxid_b", ["b"])])
def test_a_uid_is_a_number_in_its_usual_spelling_or_a_name(uid: str, ids: list[str]) -> None:
    assert [friend.id for friend in matching(FRIENDS, {"uid": uid})] == ids


def test_an_attribute_that_nobody_has_is_a_bug_of_ours() -> None:
    with pytest.raises(ValueError, match="not in tuple"):
        matching(FRIENDS, {"shoe_size": "42"})
