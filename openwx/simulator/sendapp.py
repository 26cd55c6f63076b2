"""Sending files, and sending app messages on (reference, 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from aiohttp import web

from .call import Call, Handler, RefusedError
from .media import Medium
from .sending import Sending
from .upload import UNCHECKED_LIMIT

if TYPE_CHECKING:
    from .world import World


async def webwxsendappmsg(world: World, call: Call) -> web.Response:
    """A file that was uploaded as `doc`; with Scene 2 a received file, link or other share.

    The XML has to be well-formed: a name with a bare `&` or `<` breaks it (Ret 1).
    """
    sending = Sending(world, call)
    if earlier := sending.earlier:
        return sending.answer(earlier)
    root = sending.xml()
    app = root if root.tag == "appmsg" else root.find(".//appmsg")
    if app is None or app.findtext("type") != sending.type:
        raise RefusedError(1)
    name = app.findtext("title") or ""
    if sending.forwards:
        return _forward(sending, app, name)
    if sending.type != "6" or not name:
        raise RefusedError(1)
    medium = sending.medium(app.findtext("appattach/attachid"), "doc")
    _check_signature(sending, medium)
    return sending.takes_effect(medium=medium, file_name=name)


def _forward(sending: Sending, app: Element, name: str) -> web.Response:
    """A file is known by the received MediaId as its attachid, a share by its title and address."""
    if sending.msg.get("MediaId"):
        raise RefusedError(1)
    if sending.type == "6":
        message = sending.received(app.findtext("appattach/attachid") or "", 49)
        return sending.takes_effect(forwarded=message, file_name=name)
    message = sending.received(f"{name} {app.findtext('url') or ''}", 49)
    return sending.takes_effect(name, forwarded=message)


def _check_signature(sending: Sending, medium: Medium) -> None:
    """A file that needed a webwxcheckupload needs its Signature here too."""
    if medium.size > UNCHECKED_LIMIT:
        _, signature = sending.account.checked_uploads[medium.md5, medium.size]
        if sending.msg.get("Signature") != signature:
            raise RefusedError(1)


CALLS: dict[str, Handler] = {"webwxsendappmsg": webwxsendappmsg}
