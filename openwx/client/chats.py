"""Calls about chats: their stored messages."""

from typing import NamedTuple

from openwx.client import uploads
from openwx.client.answers import History
from openwx.client.calls import OUTCOME_S, Calls
from openwx.client.messages import Message


class HistoryPage(NamedTuple):
    """Messages, oldest first."""

    messages: list[Message]
    before: int | None
    """The ``before`` of the call that gets the ones before; None where there are none."""


class Chats(Calls):
    """Calls about chats. All selectors that are given must match exactly."""

    async def get_history(
        self,
        *,
        id: str | None = None,
        account: str | None = None,
        displayname: str | None = None,
        markname: str | None = None,
        before: int | None = None,
        limit: int | None = None,
        q: str | None = None,
    ) -> HistoryPage:
        """Get the stored messages of a friend's or group's chat, or without selectors of all: the newest, oldest first.

        ``before`` (from an earlier page) gets older ones, ``limit`` (50, at most 200) is the size of the page. ``q``:
        only messages with all of these words; a page may then be empty while its ``before`` is a number, since the
        gateway reads a bounded number of messages for each call.
        """
        parameters = {
            "id": id, "account": account, "displayname": displayname, "markname": markname,
            "before": before, "limit": limit, "q": q,
        }  # fmt: skip
        found = await self._call("get_history", History, parameters, wait_s=OUTCOME_S, again=True)
        decoded = [uploads.decode(bytes(one)) for one in found.messages]
        return HistoryPage([one for one in decoded if isinstance(one, Message)], found.before)
