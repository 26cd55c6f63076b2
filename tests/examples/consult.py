"""Examples of ``consult``, which sends a question and waits for the answer."""

from .book import Example, Scene, Topic
from .sending import failures

GREY = {"account": "xiaohui2016"}
QUESTION = GREY | {"content": "今天几点下班？"}


async def he_answers(scene: Scene) -> None:
    while await scene.friend().hears_text() != "今天几点下班？":
        pass
    scene.friend().says("六点")


TOPIC: Topic = {
    "consult": [
        Example("an answer", QUESTION | {"timeout": "60"}, meanwhile=he_answers),
        Example("no answer in time", QUESTION | {"timeout": "1"}),
        Example("no friend named", {"content": "今天几点下班？"}, code=-2, status=400),
        Example("too long a time", QUESTION | {"timeout": "3600"}, code=-2, status=400),
        Example("nobody is called so", {"displayname": "无此人"} | {"content": "?"}, code=100),
        Example("oneself", {"id": "{me}", "content": "?"}, code=101),
        Example("two of one name", {"displayname": "张伟", "content": "?"}, code=102),
        *[one for one in failures(GREY) if "async" not in one.params],
    ],
}
