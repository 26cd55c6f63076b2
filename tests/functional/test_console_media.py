"""What the console hands out besides pages: media for players, pictures of people, its icon, refusals of its stream."""

import pytest

from openwx.config import AccessSettings
from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.media import JPEG, MP3, MP4

from .visitor import Page, Visitor
from .world import Gateway, Receiver, World

ACCOUNT = "/console/accounts/default"
TOKEN = "a-token-that-nobody-guesses"


async def file_of(visitor: Visitor, api: Gateway) -> str:
    """Return the address of the file in the conversation with 小灰."""
    (friend,) = (await api.get("search_friend", displayname="小灰")).json
    page = await visitor.ask("GET", f"{ACCOUNT}/chat", params={"id": friend["id"]})
    (address,) = {link for link in page.links() if "/media/" in link}
    return address


@pytest.mark.parametrize(
    ("verb", "data", "mime"),
    [("sends_voice", MP3, "audio/mpeg"), ("sends_video", MP4, "video/mp4"), ("sends_image", JPEG, "image/jpeg")],
)  # fmt: skip
async def test_players_get_the_parts_that_they_ask_for(
    visitor: Visitor,
    api: Gateway,
    account: Account,
    receiver: Receiver,
    verb: str,
    data: bytes,
    mime: str,
) -> None:
    getattr(account.friend("小灰"), verb)(data)
    await receiver.get(format="media")
    address = await file_of(visitor, api)
    whole = await visitor.open(address)
    assert (whole.status, whole.body, whole.headers["Content-Type"]) == (200, data, mime)
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.headers["Content-Disposition"].startswith("inline")
    assert "sandbox" in whole.headers["Content-Security-Policy"]
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    for wanted, part in (("3-9", data[3:10]), ("10-", data[10:]), ("-5", data[-5:])):
        page = await visitor.open(address, headers={"Range": f"bytes={wanted}"})
        assert (page.status, page.body) == (206, part)
        assert page.headers["Content-Type"] == mime
        assert page.headers["Content-Range"].endswith(f"/{len(data)}")
    beyond = await visitor.open(address, headers={"Range": f"bytes={len(data)}-"})
    assert beyond.status == 416


@pytest.mark.parametrize("name", ["song.mp3", "film.mp4", "picture.png", "sound.wav", "clip.webm"])
async def test_a_page_by_the_name_of_a_file_is_only_saved(
    visitor: Visitor, api: Gateway, account: Account, receiver: Receiver, name: str
) -> None:
    account.friend("小灰").sends_file(name, b"<html><script>alert(1)</script></html>")
    await receiver.get(format="media")
    page = await visitor.open(await file_of(visitor, api))
    assert page.headers["Content-Type"] == "application/octet-stream"
    assert page.headers["Content-Disposition"].startswith("attachment")


async def test_pages_may_play_their_own_media_alone(visitor: Visitor) -> None:
    page = await visitor.open(ACCOUNT)
    assert "media-src 'self';" in page.headers["Content-Security-Policy"]


async def picture(visitor: Visitor, id: str) -> Page:
    return await visitor.ask("GET", f"{ACCOUNT}/avatar", params={"id": id})


async def test_a_picture_that_cannot_be_had_is_no_error(
    visitor: Visitor, api: Gateway, account: Account, simulator: Simulator
) -> None:
    """The letter beneath it stands, and no browser complains."""
    friend, other = (await api.get("get_friend_info")).json[:2]
    assert (await picture(visitor, friend["id"])).status == 200
    assert (await picture(visitor, "@nobody")).status == 204
    broken = simulator.faults.add("webwxgeticon", Fault.SERVER_ERROR)
    none = await picture(visitor, other["id"])
    assert (none.status, none.body, none.headers["Cache-Control"]) == (204, b"", "no-store")
    simulator.faults.remove(broken)
    account.phone.logs_out_web()
    await api.reaches("confirming")
    assert (await picture(visitor, friend["id"])).status == 204


async def test_the_icon_of_everything(visitor: Visitor) -> None:
    icon = await visitor.open("/favicon.ico")
    assert (icon.status, icon.headers["Content-Type"]) == (200, "image/svg+xml")
    assert icon.body == (await visitor.open("/console/static/icon.svg")).body
    assert 'href="favicon.ico"' in (await visitor.open("/docs")).html


async def test_a_stream_without_a_session_ends_for_good(world: World) -> None:
    """204 is what a browser's stream takes as "do not come back"."""
    settings = world.settings().model_copy(update={"access": AccessSettings(token=TOKEN)})
    visitor = Visitor((await world.start(settings=settings)).url)
    accepts = {"Accept": "text/event-stream"}
    page = await visitor.ask("GET", f"{ACCOUNT}/live", headers=accepts, allow_redirects=False)
    assert (page.status, page.body) == (204, b"")
    await visitor.http.close()
