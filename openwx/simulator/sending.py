"""What all calls that send have in common (reference, 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from aiohttp import web

from .call import Call, RefusedError, json_answer, session_of
from .media import Medium
from .people import Group
from .timeline import Heard, Message

if TYPE_CHECKING:
    from .session import Session
    from .timeline import Chat
    from .world import World


class Sending:
    """A message that the web client wants to send, judged as far as all kinds are alike.

    RefusedError 1: no such receiver, or not from oneself; -2: a group that one is not in.
    """

    def __init__(self, world: World, call: Call) -> None:
        self.session: Session = session_of(world, call)
        self.account = self.session.account
        body = call.stored()
        msg = body.get("Msg")
        self.msg: dict[str, Any] = msg if isinstance(msg, dict) else {}
        self.forwards = str(body.get("Scene")) == "2"
        to = self.session.find(str(self.msg.get("ToUserName") or ""))
        me = self.session.id_of(self.account.owner)
        if to is None or str(self.msg.get("FromUserName")) != me:
            raise RefusedError(1)
        if isinstance(to, Group) and self.account.owner.key not in to.members:
            raise RefusedError(-2)
        self.to: Chat = to
        self.client_msg_id = str(self.msg.get("ClientMsgId") or self.msg.get("LocalID") or "")

    @property
    def type(self) -> str:
        return str(self.msg.get("Type"))

    @property
    def content(self) -> str:
        content = self.msg.get("Content")
        return content if isinstance(content, str) else ""

    @property
    def earlier(self) -> Heard | None:
        """What was sent before with the same ClientMsgId: that one counts, whatever this says."""
        return self.account.by_client_msg_id.get(self.client_msg_id)

    def xml(self) -> ElementTree.Element:
        """The content, which has to be XML; RefusedError 1 for what is broken."""
        try:
            return ElementTree.fromstring(self.content.strip())  # noqa: S314 - the client is ours
        except ElementTree.ParseError:
            raise RefusedError(1) from None

    def medium(self, media_id: object, *kinds: str) -> Medium:
        """What was uploaded under this id as one of these kinds; else RefusedError 1 (assumed)."""
        medium = self.account.known_medium(str(media_id or ""))
        if medium is None or medium.kind not in kinds:
            raise RefusedError(1)
        return medium

    def received(self, key: str, *msg_types: int) -> Message:
        """The received message that the content repeats; else RefusedError 1 (assumed)."""
        message = self.account.received_by_key.get(key)
        if message is None or message.msg_type not in msg_types:
            raise RefusedError(1)
        return message

    def takes_effect(
        self, text: str = "", *,
        medium: Medium | None = None, forwarded: Message | None = None, file_name: str = "",
    ) -> web.Response:  # fmt: skip
        if forwarded is not None:
            medium = forwarded.medium
        return self.answer(
            self.account.send(
                self.to, text, self.client_msg_id, int(self.type), self.msg,
                medium=medium, forwarded=forwarded, file_name=file_name,
            )
        )  # fmt: skip

    def answer(self, heard: Heard) -> web.Response:
        return json_answer(MsgID=heard.msg_id, LocalID=str(self.msg.get("LocalID") or ""))
