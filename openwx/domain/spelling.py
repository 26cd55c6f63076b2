"""Compares names as people and old programs spell them. Searches and filters call this.

The original, Mojo-Weixin, wrote emoji as names in brackets, ``[未知表情]`` where it knew none, and did not decode
entities. Keyboards and file systems differ in accents (NFD and NFC) and in U+FE0F, which requests a colour emoji.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Literal

from openwx.domain.text import decoded

_BRACKETS = {
    name: emoji
    for emoji, name in re.findall(
        r"(\S+) (\S+)",
        """
        © 版权  ® 注册商标  ™ 商标  ☀ 太阳  ☁ 多云  ☔ 下雨  ☕ 咖啡  ☝ 第一  ☺ 热情  ⚠ 警告  ⚡ 闪电  ⚽ 足球
        ⚾ 棒球  ⛄ 雪人  ⛳ 高尔夫  ✈ 飞机  ✌ 胜利  ✨ 闪烁  ❎ X  ❔ 问号  ❕ 叹号  ❤ 心  ⭕ O  🌂 雨伞
        🌊 海浪  🌙 月亮  🌟 星星  🌴 棕榈树  🌹 玫瑰  🌺 花  🍏 苹果  🍔 汉堡  🍜 面条  🍝 意面  🍟 薯条  🍣 寿司
        🍦 冰激凌  🍳 煎蛋  🍷 鸡尾酒  🍺 啤酒  🍻 干杯  🎁 礼物  🎂 蛋糕  🎃 南瓜灯  🎄 圣诞树  🎅 圣诞老人
        🎈 气球  🎉 庆祝  🎤 唱歌  🎥 录像机  🎵 音乐  🎸 吉他  🏀 篮球  🏁 旗  🏆 奖杯  🏈 橄榄球  🏫 学校  🐍 蛇
        🐔 鸡  🐗 野猪  🐙 章鱼  🐛 毛虫  🐠 鱼  🐦 鸽子  🐧 企鹅  🐨 考拉  🐩 小狗  🐬 海豚  🐭 老鼠  🐮 牛
        🐯 老虎  🐰 兔子  🐱 猫  🐳 鲸鱼  🐴 马  🐵 猴子  🐷 猪  🐸 青蛙  🐹 仓鼠  🐺 狗  🐻 熊  👅 吐舌  👆 上
        👇 下  👈 左  👉 右  👊 拳头  👍 强  👎 弱  👑 皇冠  👙 比基尼  👜 手提包  👦 男孩  👧 女孩  👨 男士
        👩 女士  👻 鬼魂  👼 天使  👽 外星人  👾 入侵者  👿 恶魔  💀 骷髅  💄 口红  💊 药丸  💋 红唇  💍 戒指
        💎 钻石  💏 吻  💑 热恋  💔 心碎  💘 丘比特  💝 礼盒  💡 灯泡  💣 炸弹  💤 睡着  💦 水滴  💩 便便  💪 强壮
        💲 钱  💻 电脑  💿 CD  📞 电话  📫 邮箱  📷 相机  📺 电视  🔑 钥匙  🔒 锁  🔓 解锁  🔔 铃  🔥 火  🔨 成交
        🔫 手枪  😁 露齿笑  😂 破涕为笑  😃 大笑  😄 笑脸  😉 眨眼  😊 开心  😌 满意  😍 色  😏 得意  😒 无语  😓 汗
        😖 呸  😘 接吻  😘 飞吻  😚 亲吻  😜 戏弄  😞 低落  😠 心烦  😢 眼泪  😥 焦虑  😨 震惊  😪 睡觉  😫 悔恨
        😭 哭  😰 担心  😱 恐惧  😲 晕  😳 脸红  😷 生病  😾 生气  🙀 失望  🚀 火箭  🚄 高铁  🚲 自行车  🚹 男人
        🚺 女人  🛀 浴缸
        """,
    )
}
"""The original's names for emoji."""
_UNKNOWN = "[未知表情]"
_BRACKET = re.compile(r"\[([^\[\]]{1,5})\]")
_EMOJI = (
    "[\U0001f1e6-\U0001f1ff]{2}|[0-9#*]\u20e3|[\xa9\xae\u203c\u2049\u2100-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d"
    "\u3297\u3299\ue000-\uf8ff\U0001f000-\U0001faff]"
)
_PART = re.compile(rf"{re.escape(_UNKNOWN)}|(?P<emoji>{_EMOJI})|.", re.DOTALL)
_NAMED = frozenset(_BRACKETS.values())
_MOST_MARKS = 30
"""Combining marks in a row. Texts of people have fewer (UAX #15, "Stream-Safe Text Format")."""
_MANY_IN_A_ROW = re.compile(
    f"[^\x00-\u02ff\u3000-\u3029\u3030-\u3098\u309b-\ua66e\uac00-\ud7ff]{{{_MOST_MARKS + 1}}}"
)
"""So many characters in a row of which any may be a combining mark: none is in these ranges."""


def alike(given: str) -> Callable[[str], bool]:
    """Return a function that says whether a name is the given one in another spelling."""
    spellings = {spelt for text in (given, decoded(given)) if (spelt := _spell(text))}
    vague = [_parts(spelling) for spelling in spellings if _UNKNOWN in spelling]

    def fits(name: str) -> bool:
        if not name or name == given:
            return name == given
        spelling = _spelling_of_name(name)
        return spelling in spellings or any(_fits(parts, _parts(spelling)) for parts in vague)

    return fits


def has_words(words: str) -> Callable[[str], bool]:
    """Return a function that says whether a text has all of these words, in any order, case and width."""
    wanted = _folded(words).split()

    def fits(text: str) -> bool:
        folded = _folded(text)
        return all(word in folded for word in wanted)

    return fits


def has_part(part: str) -> Callable[[str], bool]:
    """Return a function that says whether a name has this part, in any case and width."""
    wanted = _folded(part).strip()
    return lambda name: wanted in _folded_name(name)


def _folded(text: str) -> str:
    """Return a text in which case and width make no difference (Unicode's NFKC, folded)."""
    if text.isascii():
        return text.lower()
    return _normal("NFKC", _normal("NFKC", text).casefold())


_folded_name = lru_cache(maxsize=65_536)(_folded)


def _spell(name: str) -> str:
    """Return the one spelling that stands for all equivalent ones."""
    if not name.isascii():
        name = _normal("NFC", name).replace("\ufe0f", "").replace("\ufe0e", "")
    if "[" in name:
        name = _BRACKET.sub(lambda found: _BRACKETS.get(found[1], found[0]), name)
    return name


_spelling_of_name = lru_cache(maxsize=65_536)(_spell)


def _normal(form: Literal["NFC", "NFKC"], text: str) -> str:
    """Normalize a text in a time that grows with its length.

    ``unicodedata`` sorts combining marks in a row in quadratic time, and holds up the whole process meanwhile: a
    stranger's message of 64 KiB takes seconds. So longer rows are normalized in parts.
    """
    if not _MANY_IN_A_ROW.search(text):
        return unicodedata.normalize(form, text)
    return "".join(unicodedata.normalize(form, part) for part in _of_few_marks(text))


def _of_few_marks(text: str) -> Iterator[str]:
    """Split a text within each row of more than ``_MOST_MARKS`` combining marks."""
    start = marks = 0
    for at, character in enumerate(text):
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > _MOST_MARKS:
            yield text[start:at]
            start, marks = at, 1
    yield text[start:]


def _parts(spelling: str) -> list[str | None]:
    """Split a name into characters; an emoji of several code points is one, and None stands for one the original could
    not name."""
    return [None if part[0] == _UNKNOWN else part[0] for part in _PART.finditer(spelling)]


def _fits(given: list[str | None], name: list[str | None]) -> bool:
    """Return whether two names are equal, where ``None`` in the first matches any emoji without a name."""
    return len(given) == len(name) and all(
        one == other or (one is None and _is_nameless(other))
        for one, other in zip(given, name, strict=True)
    )


def _is_nameless(part: str | None) -> bool:
    if part is None:
        return True
    found = _PART.fullmatch(part)
    return found is not None and found["emoji"] is not None and part not in _NAMED
