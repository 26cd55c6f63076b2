"""Calls about chats: their stored messages, marking them as read, and fetching their records anew.
``Client`` inherits them.
"""

from typing import NamedTuple

from openwx.client import uploads
from openwx.client.answers import Done, History, Refreshed
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
        decoded = [uploads.of_answer("get_history", bytes(one)) for one in found.messages]
        return HistoryPage([one for one in decoded if isinstance(one, Message)], found.before)

    async def mark_read(
        self,
        *,
        id: str | None = None,
        account: str | None = None,
        displayname: str | None = None,
        markname: str | None = None,
    ) -> None:
        """Mark the chat of a friend or group as read on the phone."""
        parameters = {
            "id": id, "account": account, "displayname": displayname, "markname": markname,
        }  # fmt: skip
        await self._call("mark_read", Done, parameters, wait_s=OUTCOME_S, again=True)

    async def refresh_contacts(
        self,
        *,
        id: str | None = None,
        account: str | None = None,
        displayname: str | None = None,
        markname: str | None = None,
    ) -> int:
        """Fetch a friend or group anew from WeChat, or without selectors all contacts. Return how much has changed.

        Each difference is an event. All contacts are fetched at most once a minute: ``QueueFull``.
        """
        parameters = {
            "id": id, "account": account, "displayname": displayname, "markname": markname,
        }  # fmt: skip
        return (
            await self._call("refresh_contacts", Refreshed, parameters, wait_s=OUTCOME_S)
        ).changed
