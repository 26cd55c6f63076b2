"""What an account sends by its web client: messages, media, invitations to be friends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .incoming import Incoming
from .media import Medium
from .people import Person
from .timeline import Chat, Heard, Message

if TYPE_CHECKING:
    from .upload import Upload


class Outgoing(Incoming):
    """The part of an account that sends; what the receivers answer comes in."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.sent: list[Heard] = []
        """All that web clients of this account sent, oldest first."""
        self.by_client_msg_id: dict[str, Heard] = {}
        self.by_msg_id: dict[str, Heard] = {}
        self.read_chats: list[Chat] = []
        """The chats that the web client marked as read (webwxstatusnotify, Code 1)."""
        self.media: dict[str, Medium] = {}
        """All that was ever uploaded, by MediaId, also what is no longer known to the service."""
        self.uploads: dict[str, Upload] = {}
        """By ClientMediaId; the complete ones too."""
        self.checked_uploads: dict[tuple[str, int], tuple[str, str]] = {}
        """AESKey and Signature of webwxcheckupload, by MD5 and size."""

    def send(
        self, to: Chat, text: str, client_msg_id: str, msg_type: int, msg: dict[str, Any], *,
        medium: Medium | None = None, forwarded: Message | None = None, file_name: str = "",
    ) -> Heard:  # fmt: skip
        """The web client sends; once more with the same ClientMsgId changes nothing."""
        if client_msg_id and (earlier := self.by_client_msg_id.get(client_msg_id)):
            return earlier
        number = self.next_number()
        heard = Heard(
            text, client_msg_id, str(number), time.time(), to, msg_type, msg,
            medium=medium, forwarded=forwarded, file_name=file_name,
        )  # fmt: skip
        self.sent.append(heard)
        self.by_msg_id[heard.msg_id] = heard
        if client_msg_id:
            self.by_client_msg_id[client_msg_id] = heard
        if isinstance(to, Person) and to.has_dropped_me:
            heard.bounced = True
            words = f"{to.nickname}开启了朋友验证，你还不是他（她）朋友。请先发送朋友验证请求。"
            self.receive_notice(to, words)
        else:
            to.inbox.append(heard)
        self.pulse.beat()
        return heard

    def known_medium(self, media_id: str) -> Medium | None:
        """What has this MediaId, if it was uploaded within `settings.media_known_s`."""
        medium = self.media.get(media_id)
        if medium is None or time.time() - medium.since > self.world.settings.media_known_s:
            return None
        return medium

    def known_file(self, md5: str, size: int) -> Medium | None:
        """What was uploaded before and still is known (webwxcheckupload)."""
        for media_id, medium in reversed(self.media.items()):
            if (medium.md5, medium.size, medium.kind) == (md5, size, "doc"):
                return self.known_medium(media_id)
        return None
