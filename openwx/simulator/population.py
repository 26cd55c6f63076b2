"""The people and groups of a new account: the same for a seed, with all that clients get wrong. `state` makes them.

`state.Account` fills its lists with them.
"""

from __future__ import annotations

import random
from typing import Any

from .model import Size
from .scenario import GroupActor, Host, MemberActor, PersonActor

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许邓韩冯曹彭曾肖田董潘袁蔡蒋余于杜叶程"
)
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰飞红鑫波斌宇浩凯健俊帆帅旭宁琳欣雪"
_PLACES = (
    ("广东", "深圳"), ("北京", "海淀"), ("上海", "浦东新区"), ("四川", "成都"),
    ("浙江", "杭州"), ("湖南", "长沙"), ("", ""),
)  # fmt: skip
_EMOJI = ("😄", "🌹", "🇨🇳", "👐", "5\u20e3", "☀️", "🐼", "🥰", "🍀")
_SIGNATURES = (
    "",
    "",
    "天道酬勤",
    "生活不止眼前的苟且 & 远方",
    "Stay <hungry> 😄",
    '"不忘初心"',
    "It's me",
)
_SYSTEM = (
    ("filehelper", "文件传输助手", 0), ("weixin", "微信团队", 56), ("fmessage", "朋友推荐消息", 1),
    ("medianote", "语音记事本", 1), ("floatbottle", "漂流瓶", 1),
)  # fmt: skip
_PUBLIC = ("腾讯新闻", "果壳", "丁香医生", "Linux中国", "招商银行信用卡", "豆瓣 & 阅读")

# The first friends are the same in every world: each stands for one thing that clients get wrong.
_FIRST_FRIENDS: tuple[dict[str, Any], ...] = (
    {"nickname": "小灰", "alias": "xiaohui2016", "sex": 1, "province": "广东", "city": "深圳"},
    {"nickname": "阳光😄宝贝", "alias": "sunny_baby", "sex": 2, "signature": "每天都要开心🌹"},
    {
        "nickname": "Tom & Jerry <猫和老鼠>",
        "alias": "tomjerry",
        "sex": 1,
        "signature": "a \"b\" 'c'",
    },
    {"nickname": "张伟", "alias": "zhangwei88", "sex": 1, "province": "北京", "city": "海淀"},
    {"nickname": "张伟", "alias": "", "sex": 1, "province": "四川", "city": "成都"},
    {"nickname": "无名氏", "alias": "", "sex": 0},
    {"nickname": "momo", "alias": "momo_0717", "sex": 2, "remark": "李老师（数学）"},
    {"nickname": "🇨🇳中国人🇨🇳", "alias": "", "sex": 1, "account_name": "wxid_9f3k2l1m0n8p21"},
    {"nickname": "拥抱👐明天", "alias": "hug", "sex": 2, "remark": "表姐 & 姐夫"},
    {"nickname": "A01房产中介5\u20e3星", "alias": "fangchan-01", "sex": 1, "remark": "中介"},
    {"nickname": "🥰", "alias": "", "sex": 2},
)
_GROUP_NAMES = (
    "PERL学习交流", "Python爱好者 & 朋友们", "", "同事午饭😋群", "相亲相爱一家人❤️",
    "<业主群> 3号楼", "羽毛球🏸周三", "高中同学会", "项目组", "读书会", "拼车回家", "摄影",
)  # fmt: skip


def owner_of(account: Host) -> PersonActor:
    """Make the owner of an account."""
    number = account.number
    return PersonActor(
        account.ids.next_key(), "我是谁" if number == 0 else f"我是谁{number + 1}", account=account,
        uin=1_234_567_000 + number, alias=f"openwx_owner{number + 1}", sex=1, province="上海",
        city="浦东新区", signature="我思故我在 & 😄",
    )  # fmt: skip


def system_accounts(account: Host) -> list[PersonActor]:
    return [
        PersonActor(account.ids.next_key(), nickname, account=account, system_name=system_name,
                    verify_flag=verify_flag, is_friend=True)
        for system_name, nickname, verify_flag in _SYSTEM
    ]  # fmt: skip


def public_accounts(account: Host, size: Size) -> list[PersonActor]:
    return [
        PersonActor(account.ids.next_key(), _PUBLIC[n] if n < len(_PUBLIC) else f"公众号{n + 1}",
                    account=account, alias=f"gh_public{n}" if n % 2 else "",
                    uin=account.ids.random.randrange(10**9, 2**31),
                    verify_flag=8 if n % 2 == 0 else 24, signature="欢迎关注", is_friend=True)
        for n in range(size.public_accounts)
    ]  # fmt: skip


def friends(account: Host, size: Size) -> list[PersonActor]:
    return [_friend(account, account.ids.random, n) for n in range(size.friends)]


def _friend(account: Host, draw: random.Random, n: int) -> PersonActor:
    data = dict(_FIRST_FRIENDS[n]) if n < len(_FIRST_FRIENDS) else _anybody(draw)
    if n >= len(_FIRST_FRIENDS) and draw.random() < 0.2:
        data["remark"] = data["nickname"][:1] + draw.choice(("总", "老师", "师傅", "同学"))
    return PersonActor(
        account.ids.next_key(), account=account, uin=draw.randrange(10**8, 2**31), is_friend=True,
        starred=n % 10 == 6, **data,
    )  # fmt: skip


def _anybody(draw: random.Random) -> dict[str, Any]:
    nickname = draw.choice(_SURNAMES) + "".join(draw.choices(_GIVEN, k=draw.randrange(1, 3)))
    chance = draw.random()
    if chance < 0.15:
        nickname += draw.choice(_EMOJI)
    elif chance < 0.2:
        nickname = f"{draw.choice(_GIVEN)} & {nickname}"
    province, city = draw.choice(_PLACES)
    alias = f"wx{draw.randrange(10**6, 10**9)}" if draw.random() < 0.6 else ""
    return {
        "nickname": nickname, "alias": alias, "sex": draw.randrange(3), "province": province,
        "city": city, "signature": draw.choice(_SIGNATURES),
        "account_name": f"wxid_{draw.getrandbits(48):012x}21" if draw.random() < 0.1 else "",
    }  # fmt: skip


def groups(account: Host, friends: list[PersonActor], size: Size) -> list[GroupActor]:
    """Make groups of friends, and of strangers from one pool: some are in several groups."""
    draw, next_key = account.ids.random, account.ids.next_key
    pool_size = max(size.biggest_group, size.group_members) if size.groups else 0
    pool = [
        PersonActor(next_key(), account=account, uin=draw.randrange(10**8, 2**31), **_anybody(draw))
        for _ in range(pool_size)
    ]
    made: list[GroupActor] = []
    for n in range(size.groups):
        name = _GROUP_NAMES[n] if n < len(_GROUP_NAMES) else f"第{n + 1}群"
        big = n == min(1, size.groups - 1)
        count = size.biggest_group if big else draw.randrange(3, max(4, size.group_members + 1))
        some = draw.sample(friends, min(len(friends), max(1, count // 4)))
        strangers = draw.sample(pool, max(1, min(len(pool), count) - len(some) - 1))
        people = [*some, *strangers][: max(1, count - 1)]
        draw.shuffle(people)
        owner = account.owner if n % 3 == 0 else people[0]
        group = GroupActor(next_key(), name, owner, account=account, saved=n % 4 != 3)
        # The service names a group by a number, or as 123@chatroom: clients see both.
        group.uin = f"{draw.randrange(10**9, 10**10)}{'@chatroom' if n % 3 == 2 else ''}"
        for person in (account.owner, *people):
            taken = f"{person.nickname[:1]}-{draw.choice(('深圳', '北京', 'A&B', '🌹'))}"
            group.members[person.key] = MemberActor(person, taken if draw.random() < 0.3 else "")
        made.append(group)
    return made
