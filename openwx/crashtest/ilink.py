"""iLink in the crash test: a bot and several persons, whose messages come twice, and who can be sent a few at a time.
``run`` makes it for ``--transport ilink``.

The service has one bot after the other for the same person. Messages that a bot had, and whose cursor nobody used
before the next scan, are lost by the service: no client can get them any more.
"""

import asyncio
import base64
import random
from collections import Counter
from typing import Any

from .process import Failed
from .services import Receiver
from .wechat import Chat, Heard, Told, WeChat

PERSONS = ("李雷", "韩梅梅", "Jim Green", "Lucy")
"""Those who write to the bot besides its owner."""
REPEATS = ("same_id", "new_id", "no_id", "")
"""How messages come a second time, from round to round."""
BUDGET, SMALL_BUDGET = 10, 2
UNACKNOWLEDGED = "unacknowledged"
"""The answer of a poll is in the journal, and its cursor did not reach the service."""
HELD_S = 5.0
SLOW_SEND_S = 0.2
STRIKES_WITHIN_S = 20.0


class ILinkWeChat(WeChat):
    transport = "ilink"
    drops_repeats = False
    bounds_sends = True
    stages = (UNACKNOWLEDGED,)
    options = ("--friends", "0", "--groups", "0")

    async def prepare(self) -> None:
        await self.post("settings", scan_delay_s=0.05)
        await self.post("faults/add", call="sendmessage", fault="lose_answer", probability=0.05)
        # A send that takes a while is often under way when its process is killed, and arrives after that.
        slow = {"fault": "hang", "probability": 0.03, "seconds": SLOW_SEND_S}
        await self.post("faults/add", call="sendmessage", **slow)
        await self.post("faults/add", call="getupdates", fault="lose_answer", probability=0.03)
        # People can write before the gateway's first scan, to a bot that nobody polls.
        await self.post("clawbot/binds")
        for name in PERSONS:
            await self.post("clawbot/opens", person=name)

    async def chats(self) -> list[Chat]:
        """List the owner and the other persons."""
        owner = await self.get("clawbot")
        others = [await self.get("clawbot", person=name) for name in PERSONS]
        return [
            Chat(owner["user_id"], False, {"id": "@owner"}),
            *(Chat(other["user_id"], False, {"id": other["user_id"]}) for other in others),
        ]

    async def writes(
        self, chat: Chat, text: str, *, member: str = "", file: bytes | None = None
    ) -> str:
        who = {"person": chat.key}
        if file is None:
            written = await self.post("clawbot/says", **who, text=text)
        else:
            data = base64.b64encode(file).decode()
            written = await self.post("clawbot/sends_file", **who, name=f"{text}.txt", data=data)
        return str(written["msg_id"])

    async def begin_round(self, number: int, draw: random.Random) -> str:
        """Let messages come twice in another way. In some rounds two persons write nothing, and little is sent to
        them."""
        repeat = REPEATS[number % len(REPEATS)]
        is_small = number % 3 == 0
        keys = [chat.key for chat in await self.chats()]
        self.silent = frozenset(draw.sample(keys, 2)) if is_small else frozenset()
        budget = SMALL_BUDGET if is_small else BUDGET
        await self.post("ilink/options", repeat=repeat, budget=budget)
        return f"repeats {repeat or 'none'}, budget {budget}"

    async def wait_for(self, stage: str) -> None:
        """Hold back the cursor of the next answer, wait until it is on its way, and hold back some sends, too."""
        rule = {"call": "getupdates", "fault": "hang", "times": 1, "seconds": HELD_S}
        await self.post("faults/add", **rule)
        try:
            async with asyncio.timeout(STRIKES_WITHIN_S):
                # The rule is gone once it has struck.
                while await self._is_pending("getupdates", "hang"):  # noqa: ASYNC110  another process has it
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise Failed(f"{self.name}: no poll within {STRIKES_WITHIN_S} s") from None
        # The next sends are under way at the end, and arrive before the next process can send.
        slow = {"fault": "hang", "times": 3, "seconds": 2 * SLOW_SEND_S}
        await self.post("faults/add", call="sendmessage", **slow)

    async def _is_pending(self, call: str, fault: str) -> bool:
        rules = (await self.get("state"))["faults"]
        return any((rule["call"], rule["fault"]) == (call, fault) for rule in rules)

    async def end_session(self, draw: random.Random, receiver: Receiver) -> None:
        """Answer -14: the owner bound a bot elsewhere, or the token has expired, for good or for a moment."""
        how = draw.choice(("binds", "goes_stale", "heals"))
        await self.post(f"clawbot/{'goes_stale' if how == 'heals' else how}")
        if how == "heals":
            await asyncio.sleep(draw.uniform(0.0, 0.3))
            await self.post("clawbot/heals")

    async def calm_down(self) -> None:
        await super().calm_down()
        await self.post("ilink/options", repeat="", budget=0)

    async def told(self) -> Told:
        """Return the records. A message counts as handed out when its cursor was used."""
        updates: list[dict[str, Any]] = await self.get("clawbot/updates", all_bots="yes")
        present = (await self.get("clawbot"))["bot"]["id"]
        acknowledged = frozenset(each["msg_id"] for each in updates if each["acknowledged"])
        left = [each for each in updates if each["msg_id"] not in acknowledged]
        taken = Counter(each["msg_id"] for each in updates if each["taken"])
        sent = await self.get("clawbot/sent")
        lost = await self.get("calls", name="sendmessage", fault="lose_answer", last="100000")
        return Told(
            [Heard(each["to"], _text_of(each["text"], each["file_name"])) for each in sent],
            acknowledged,
            pending=frozenset(each["msg_id"] for each in left if each["bot"] == present),
            dropped=frozenset(each["msg_id"] for each in left if each["bot"] != present),
            doubled=frozenset(id for id, n in taken.items() if n > 1),
            lost_answers=frozenset(_text_of_item(call["body"]["msg"]) for call in lost),
        )


def _text_of(text: str, file_name: str) -> str:
    return file_name.removesuffix(".txt") or text


def _text_of_item(msg: dict[str, Any]) -> str:
    """Return the text or file name of an outgoing message."""
    [item] = msg["item_list"]
    text = item.get("text_item", {}).get("text", "")
    return _text_of(text, item.get("file_item", {}).get("file_name", ""))
