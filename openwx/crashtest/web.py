"""Web WeChat in the crash test: friends, groups, and log-outs after which all ids are new.
``run`` makes it for web WeChat.
"""

import base64
import random

from .services import Receiver
from .wechat import Chat, Heard, Told, WeChat

ARRIVES_WITHIN_S = 30.0


class WebWeChat(WeChat):
    transport = "web"
    drops_repeats = True
    bounds_sends = False
    options = ("--friends", "8", "--groups", "2", "--members", "8")

    async def prepare(self) -> None:
        await self.post("settings", scan_delay_s=0.05)
        await self.post("faults/add", call="webwxsendmsg", fault="lose_answer", probability=0.02)

    async def chats(self) -> list[Chat]:
        """List four friends, two groups with their members, and filehelper, which does not write."""
        [filehelper] = [
            who for who in await self.get("system_accounts") if who["id"] == "filehelper"
        ]
        chats = [Chat(filehelper["key"], False, {"id": "filehelper"}, writes=False)]
        for friend in (await self.get("friends"))[:4]:
            alias = friend["alias"]
            selector = {"account": alias} if alias else {"displayname": friend["nickname"]}
            chats.append(Chat(friend["key"], False, selector))
        for group in (await self.get("groups"))[:2]:
            members = await self.get("members", group=str(group["key"]))
            others = tuple(str(member["key"]) for member in members[1:])
            chats.append(Chat(group["key"], True, {"displayname": group["name"]}, others))
        return chats

    async def writes(
        self, chat: Chat, text: str, *, member: str = "", file: bytes | None = None
    ) -> str:
        who = {"group": str(chat.key), "member": member} if member else {"friend": str(chat.key)}
        verb = "group/member_" if member else "friend/"
        if file is None:
            sent = await self.post(f"{verb}says", **who, text=text)
        else:
            data = base64.b64encode(file).decode()
            sent = await self.post(f"{verb}sends_file", **who, name=f"{text}.txt", data=data)
        return str(sent["msg_id"])

    async def end_session(self, draw: random.Random, receiver: Receiver) -> None:
        """Force a new login with new ids. WeChat keeps unacknowledged messages for it, or drops them."""
        keeps_unread = draw.random() < 0.5
        await self.post("settings", keeps_unread=keeps_unread)
        await self.post("phone/logs_out_web")
        if not keeps_unread:
            # With a kill now, WeChat would lose what the old session was handed out and the journal has not.
            async with receiver.calm():
                if handed_out := await self._handed_out():
                    await receiver.wait_for_message(handed_out[-1], ARRIVES_WITHIN_S)

    async def told(self) -> Told:
        heard = [
            Heard(sent["key"], sent["file_name"].removesuffix(".txt") or sent["text"])
            for sent in await self.get("sent")
        ]
        return Told(heard, frozenset(await self._handed_out()))

    async def _handed_out(self) -> list[str]:
        return [str(id) for id in (await self.get("handed_out"))["msg_ids"]]
