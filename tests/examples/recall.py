"""Examples of ``revoke_message``."""

from .book import Example, Scene, Topic, journal_fails
from .changing import failures


async def a_sent_message(scene: Scene) -> None:
    reply = await scene.gateway.get("send_friend_message", account="xiaohui2016", content="发错了")
    scene.words["msg_id"] = reply.json["msg_id"]


TOPIC: Topic = {
    "revoke_message": [
        Example("what was just sent", {"id": "{msg_id}"}, given=a_sent_message),
        Example("what this account never sent", {"id": "7020000000000000001"}, code=100),
        Example("no message named", code=-2, status=400),
        Example(
            "the journal cannot be read",
            {"id": "7020000000000000001"},
            code=-5,
            status=503,
            given=journal_fails("body_of", "disk I/O error"),
        ),
        *failures({"id": "{msg_id}"}, "webwxrevokemsg", a_sent_message),
    ],
}
