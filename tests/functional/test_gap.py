"""Changes between two sessions are reported once, after the next login, with the new ids and with uids."""

from typing import Any

import pytest

from openwx.simulator import Account, Fault, Group, Person, Simulator

from .world import Gateway, Json, Receiver, World


def ends(account: Account, *, push: bool) -> None:
    """End the session: the gateway hears nothing from now on."""
    account.allows_push_login = push
    account.phone.logs_out_web()


async def runs(world: World, receiver: Receiver, **how: Any) -> Gateway:
    """Run a gateway; forget the reports of its login."""
    gateway = await world.run(**how)
    await receiver.gets(event="login")
    await receiver.gets(event="state_change", params=["updating", "running"])
    receiver.forget()
    return gateway


async def comes_back(api: Gateway, account: Account, receiver: Receiver, *, push: bool) -> None:
    """Log in again, and wait until all resulting reports have come."""
    if push:
        await account.phone.sees_push_login()
        account.phone.confirm()
    else:
        await account.phone.logs_in()
    await receiver.gets(event="login")
    await receiver.gets(event="state_change", params=["updating", "running"])


CHANGES = ("new_", "lose_", "friend_", "group_", "user_")


def changes(receiver: Receiver) -> list[tuple[str, Any]]:
    return [one for one in receiver.events() if one[0].startswith(CHANGES)]


def names(receiver: Receiver) -> list[str]:
    return sorted(name for name, _ in changes(receiver))


def everything_happens(account: Account) -> None:
    """One of each kind of change."""
    account.add_friend("新朋友", alias="newbie", sex=2)
    account.lose_friend(account.friend("小灰"))
    account.friend("momo").renames("momomo")
    account.owner.changes(signature="新签名")
    perl, python = account.group("PERL学习交流"), account.group("Python爱好者 & 朋友们")
    account.lose_group(account.group("相亲相爱一家人❤️"))
    account.add_group("新群", ["甲", "乙"])
    perl.add_member("新成员")
    python.name = "Python"
    account.contact_changed(python)
    gone = next(one for one in python.others if one.person.is_friend)
    python.remove_member(gone)


@pytest.mark.parametrize("way", ["push", "scan", "resume"])
async def test_every_kind_of_change_is_reported_once(
    api: Gateway,
    world: World,
    account: Account,
    receiver: Receiver,
    simulator: Simulator,
    way: str,
) -> None:
    former = (await api.get("search_friend", account="xiaohui2016")).json
    if way == "resume":
        await api.stop()
        receiver.forget()
        everything_happens(account)
        api = await world.start()
        await receiver.gets(event="state_change", params=["updating", "running"])
    else:
        ends(account, push=way == "push")
        receiver.forget()
        everything_happens(account)
        await comes_back(api, account, receiver, push=way == "push")
    noted = dict(changes(receiver))
    assert names(receiver) == sorted(
        [
            "new_friend",
            "lose_friend",
            "new_group",
            "lose_group",
            "new_group_member",
            "lose_group_member",
            "user_property_change",
            "friend_property_change",
            "group_property_change",
            "group_property_change",
        ]
        + ["group_member_property_change"] * len(shown_as_momo(account))
    ), changes(receiver)
    (friend,) = (await api.get("search_friend", account="newbie")).json
    assert noted["new_friend"] == [friend]
    assert noted["lose_friend"] == former
    (group,) = (await api.get("search_group", name="新群")).json
    assert noted["new_group"] == [group]
    assert noted["lose_group"][0]["name"] == "相亲相爱一家人❤️"
    (perl,) = (await api.get("search_group", name="PERL学习交流")).json
    member, where = noted["new_group_member"]
    assert (member["name"], where) == ("新成员", perl)
    assert member in perl["member"]
    changed, *change = noted["friend_property_change"]
    assert change == ["name", "momo", "momomo"]
    assert [changed] == (await api.get("search_friend", account="momo_0717")).json
    assert noted["user_property_change"][1:] == ["signature", "我思故我在 & 😄", "新签名"]
    # Nothing of it is reported again.
    receiver.forget()
    ends(account, push=True)
    await comes_back(api, account, receiver, push=True)
    assert changes(receiver) == []


def shown_as_momo(account: Account) -> list[Group]:
    """Return the groups of the friend, where the name changes, too; the remark hides it."""
    momo = account.friend("momomo")
    return [group for group in account.groups if momo.key in group.members]


async def test_events_come_after_login_and_before_running(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    ends(account, push=True)
    account.add_friend("新朋友")
    await comes_back(api, account, receiver, push=True)
    assert [name for name, _ in receiver.events()][-3:] == ["login", "new_friend", "state_change"]


async def test_nothing_is_reported_where_nothing_changed(
    api: Gateway, account: Account, receiver: Receiver
) -> None:
    for by_push in (True, False):
        receiver.forget()
        ends(account, push=by_push)
        account.friend("小灰").says("hi")
        await comes_back(api, account, receiver, push=by_push)
        await receiver.get(content="hi")
        assert changes(receiver) == []


async def test_without_uids_only_what_is_sure_is_reported(
    world: World, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    simulator.settings.recent_chats = 0
    api = await runs(world, receiver)
    ends(account, push=True)
    account.add_friend("新朋友", alias="newbie", signature="hello")
    account.lose_friend(next(one for one in account.friends if one.nickname == "张伟"))
    account.friend("momo").renames("momomo")
    account.friend("无名氏").renames("有名氏")
    await comes_back(api, account, receiver, push=True)
    changed = dict(changes(receiver))
    # There are two of the name 张伟, and 无名氏 has no account.
    assert "lose_friend" not in changed
    assert changed["new_friend"][0]["name"] == "新朋友"
    assert changed["friend_property_change"][1:] == ["name", "momo", "momomo"]
    assert "有名氏" not in str(changed)


async def test_another_account_is_not_compared(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    other = simulator.add_account("other", friends=3, groups=1)
    ends(account, push=False)
    await comes_back(api, other, receiver, push=False)
    assert changes(receiver) == []


# -- what the sync brings meanwhile ----------------------------------------------------------------------


@pytest.mark.parametrize("page", [1, 3, 50])
async def test_the_gap_is_reported_once_with_any_pages(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator, page: int
) -> None:
    ends(account, push=True)
    friend = account.add_friend("新朋友")
    friend.says("from a new friend")
    group = account.add_group("新群", ["甲"])
    group.member_says("甲", "from a new group")
    account.lose_friend(account.friend("小灰"))
    simulator.settings.sync_batch_size = page
    await comes_back(api, account, receiver, push=True)
    await receiver.get(content="from a new friend")
    await receiver.get(content="from a new group")
    assert names(receiver) == ["lose_friend", "new_friend", "new_group"]
    receiver.forget()
    account.add_friend("später")
    await receiver.get_event("new_friend")
    assert names(receiver) == ["new_friend"]


async def test_a_load_that_fails_half_way_is_not_reported_by_halves(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    ends(account, push=True)
    account.add_friend("新朋友")
    account.lose_friend(account.friend("小灰"))
    simulator.settings.sync_batch_size = 1
    for call in ("webwxgetcontact", "webwxbatchgetcontact", "webwxinit"):
        simulator.faults.add(call, Fault.LOSE_ANSWER, times=1)
    rule = simulator.faults.add("webwxsync", Fault.SERVER_ERROR, times=2)
    await comes_back(api, account, receiver, push=True)
    assert rule.hits == 2
    assert names(receiver) == ["lose_friend", "new_friend"]


@pytest.mark.parametrize("fault", [Fault.TRUNCATE, Fault.GARBAGE, Fault.DROP])
async def test_lists_that_are_cut_short_lose_nobody(
    api: Gateway, account: Account, receiver: Receiver, simulator: Simulator, fault: Fault
) -> None:
    simulator.settings.contact_page_size = 5
    ends(account, push=True)
    simulator.faults.add("webwxgetcontact", fault, times=2)
    simulator.faults.add("webwxbatchgetcontact", fault, times=2)
    await comes_back(api, account, receiver, push=True)
    assert changes(receiver) == []
    assert len((await api.get("get_group_info")).json) == len(account.groups)


# -- over a restart --------------------------------------------------------------------------------------


async def restart(world: World, gateway: Gateway, receiver: Receiver) -> Gateway:
    await gateway.stop()
    receiver.forget()
    return await world.start()


async def test_changes_over_a_restart_with_another_login(
    api: Gateway, world: World, account: Account, receiver: Receiver
) -> None:
    await api.stop()
    receiver.forget()
    ends(account, push=True)
    account.lose_friend(account.friend("小灰"))
    account.add_friend("新朋友")
    gateway = await world.start()
    await comes_back(gateway, account, receiver, push=True)
    assert names(receiver) == ["lose_friend", "new_friend"]
    gateway = await restart(world, gateway, receiver)
    await receiver.gets(event="state_change", params=["updating", "running"])
    assert changes(receiver) == []


async def test_a_restart_that_never_runs_forgets_nothing(
    api: Gateway, world: World, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    await api.stop()
    ends(account, push=True)
    account.lose_friend(account.friend("小灰"))
    gateway = await world.start()
    await account.phone.sees_push_login()
    await gateway.stop()
    simulator.codes.expire_all()
    receiver.forget()
    gateway = await world.start()
    await comes_back(gateway, account, receiver, push=True)
    assert names(receiver) == ["lose_friend"]


async def test_a_reported_change_is_not_reported_again_after_a_restart(
    api: Gateway, world: World, account: Account, receiver: Receiver
) -> None:
    account.add_friend("新朋友")
    account.group("PERL学习交流").add_member("新成员")
    await receiver.get_event("new_group_member")
    await restart(world, api, receiver)
    await receiver.gets(event="state_change", params=["updating", "running"])
    assert changes(receiver) == []


async def test_a_silent_group_stays_within_a_login(
    api: Gateway, world: World, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    """It is in no list when the session is resumed."""
    group = next(group for group in account.groups if not group.saved)
    simulator.settings.recent_chats = 0
    gateway = await restart(world, api, receiver)
    await gateway.reaches("running")
    (found,) = (await gateway.get("search_group", uid=group.uin)).json
    assert len(found["member"]) == len(group.members)
    assert changes(receiver) == []


async def test_a_group_that_was_left_does_not_come_back_when_the_load_is_tried_again(
    api: Gateway, world: World, account: Account, receiver: Receiver, simulator: Simulator
) -> None:
    """The sync with the change is acknowledged, and WeChat does not repeat it."""
    account.friend("小灰").says("acknowledges what came before")
    await receiver.get(type="friend_message")
    await api.stop()
    receiver.forget()
    group = next(group for group in account.groups if not group.saved)
    account.lose_group(group)
    account.friend("小灰").says("the next page")
    simulator.settings.sync_batch_size = 1
    simulator.faults.add("webwxsync", Fault.HANG, seconds=0, times=2)
    rule = simulator.faults.add("webwxsync", Fault.SERVER_ERROR, times=1)
    gateway = await world.start()
    await receiver.gets(event="state_change", params=["updating", "running"])
    assert rule.hits == 1
    assert (await gateway.get("search_group", uid=group.uin)).code == 100
    assert names(receiver) == ["lose_group"]


# -- uids ------------------------------------------------------------------------------------------------


async def uids(api: Gateway, account: Account) -> tuple[set[str], set[str]]:
    """Return the uids that the API shows, and those that it should show."""
    contacts: list[Json] = [
        *(await api.get("get_friend_info")).json,
        *(await api.get("get_group_info")).json,
    ]
    chats: list[Person | Group] = [account.filehelper, *account.friends, *account.groups]
    found = {str(one["uid"]) for one in contacts if one["uid"] != ""}
    return found, {one.lasting_name for one in chats}


@pytest.mark.parametrize(
    "fault", [Fault.DROP, Fault.LOSE_ANSWER, Fault.SERVER_ERROR, Fault.GARBAGE]
)
@pytest.mark.parametrize("first", [True, False])
async def test_uids_are_there_although_the_phone_was_hard_to_show(
    world: World,
    account: Account,
    receiver: Receiver,
    simulator: Simulator,
    fault: Fault,
    first: bool,
) -> None:
    if not first:
        gateway = await runs(world, receiver)
        account.friend("小灰").says(
            "asked for with the SyncKey that acknowledges the former pairing"
        )
        await receiver.get(type="friend_message")
        ends(account, push=True)
        rule = simulator.faults.add("webwxstatusnotify", fault, times=2)
        await comes_back(gateway, account, receiver, push=True)
    else:
        rule = simulator.faults.add("webwxstatusnotify", fault, times=2)
        gateway = await world.run()
    assert rule.hits == 2
    found, expected = await uids(gateway, account)
    assert found == expected


async def test_uids_outlive_a_restart_after_which_wechat_does_not_send_them(
    world: World, account: Account, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = await runs(world, receiver)
    account.friend("小灰").says("acknowledged with a SyncKey that is saved without the uids")
    await receiver.get(type="friend_message")
    await former.stop()
    monkeypatch.setattr(type(account), "receive_chat_list", lambda *_: None)
    gateway = await world.start()
    await gateway.reaches("running")
    found, expected = await uids(gateway, account)
    assert found == expected


async def test_running_waits_for_a_pairing_that_is_late(
    world: World, account: Account, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes with a later sync than the one after the contacts."""
    late: list[Any] = []
    tell = type(account).receive_chat_list
    monkeypatch.setattr(type(account), "receive_chat_list", lambda *given: late.append(given))
    gateway = await world.start()
    await account.phone.logs_in()
    await simulator.gets_call("synccheck")
    assert (await gateway.client())["state"] == "updating"
    account.friend("小灰").says("meanwhile")
    await world.receiver.get(content="meanwhile")
    assert (await gateway.client())["state"] == "updating"
    tell(*late[0])
    await gateway.reaches("running")
    found, expected = await uids(gateway, account)
    assert found == expected


async def test_running_does_not_wait_for_ever(
    world: World, account: Account, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(account), "receive_chat_list", lambda *_: None)
    gateway = await runs(world, receiver, pace={"pairing_wait_s": 0.2})
    assert all(one["uid"] == "" for one in (await gateway.get("get_friend_info")).json)
    # What is certain is reported all the same.
    ends(account, push=True)
    account.lose_friend(account.friend("小灰"))
    await comes_back(gateway, account, receiver, push=True)
    assert names(receiver) == ["lose_friend"]


async def test_polls_that_break_off_while_waiting_for_the_pairing(
    world: World, account: Account, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    late: list[Any] = []
    tell = type(account).receive_chat_list
    monkeypatch.setattr(type(account), "receive_chat_list", lambda *given: late.append(given))
    rule = simulator.faults.add("synccheck", Fault.DROP, times=3)
    gateway = await world.start()
    await account.phone.logs_in()
    await simulator.gets_call("synccheck", 4)
    assert rule.hits == 3
    tell(*late[0])
    await gateway.reaches("running")
    found, expected = await uids(gateway, account)
    assert found == expected
