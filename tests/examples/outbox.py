"""Examples of the routes for deliveries."""

from .book import Example, Scene, Topic, both, the_disk_is_full


async def one_failed(scene: Scene) -> None:
    """Let the delivery of a message fail for good, as ``post_api`` refuses it."""
    api, receiver = scene.gateway, scene.world.receiver
    await api.get("outbox_drop", id="all")
    receiver.fails(status=400, content="在吗？")
    scene.friend().says("在吗？")
    deliveries: list[dict[str, object]] = []
    while not deliveries:
        deliveries = (await api.get("outbox")).json["deliveries"]
    receiver.behaves_well()
    scene.words["delivery"] = str(deliveries[0]["id"])


async def one_waits(scene: Scene) -> None:
    receiver = scene.world.receiver
    while (await scene.gateway.get("outbox", state="waiting")).json["deliveries"]:
        pass  # until an earlier one is delivered
    receiver.fails(status=503, content="还在吗？")
    scene.friend().says("还在吗？")
    waiting: list[dict[str, object]] = []
    while not waiting or not waiting[0]["error"]:  # until an attempt has failed
        waiting = (await scene.gateway.get("outbox", state="waiting")).json["deliveries"]
    scene.words["delivery"] = str(waiting[0]["id"])
    scene.afterwards.callback(receiver.behaves_well)


def of_failed(verb: str) -> list[Example]:
    return [
        Example(f"{verb} one", {"id": "{delivery}"}, given=one_failed),
        Example(f"{verb} all", {"id": "all"}, given=one_failed),
        Example("no delivery named", code=-2, status=400),
        Example("there is none with this id", {"id": "999999"}, code=100),
        Example(
            "the journal cannot be written",
            {"id": "{delivery}"},
            code=-5,
            status=503,
            given=both(one_failed, the_disk_is_full),
        ),
    ]


TOPIC: Topic = {
    "outbox": [
        Example("what failed", given=one_failed),
        Example("what waits", {"state": "waiting", "limit": "1"}, given=one_waits),
        Example("a state that is none", {"state": "lost"}, code=-2, status=400),
    ],
    "outbox_show": [
        Example("one", {"id": "{delivery}"}, given=one_failed),
        Example("no delivery named", code=-2, status=400),
        Example("there is none with this id", {"id": "999999"}, code=100),
    ],
    "outbox_retry": [
        *of_failed("send again"),
        Example("try one now that waits", {"id": "{delivery}"}, given=one_waits),
    ],
    "outbox_drop": [
        *of_failed("forget"),
        Example("it has not failed yet", {"id": "{delivery}"}, code=101, given=one_waits),
    ],
}
