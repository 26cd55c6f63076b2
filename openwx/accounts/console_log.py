"""Logs each message as one line, as the original's ShowMsg plugin showed it. ``Publisher`` calls it."""

import logging
from typing import Any

from openwx.accounts.resources import Resources
from openwx.reporter.payload import Payload
from openwx.store.records import Report

log = logging.getLogger("openwx.chat")

LONGEST = 500
"""Characters of a line."""


class ConsoleLog:
    """Logs the messages of one account, where the settings say so. A subscriber."""

    def __init__(self, account: str, resources: Resources) -> None:
        self._account = account
        self._resources = resources

    def on_report(self, _: Report, payload: Payload) -> None:
        if self._resources.show_messages:
            show(self._account if self._resources.several else "", payload)


def show(account: str, payload: dict[str, Any]) -> None:
    """Log chat, sender and content, and the account where there are several."""
    if payload["post_type"] == "event" or not log.isEnabledFor(logging.INFO):
        return
    mine = payload["class"] == "send"
    sender = payload.get("sender", "")
    partner = payload.get("receiver" if mine else "sender", "")
    chat = f"群 {payload['group']}" if "group" in payload else partner
    who = f"我 ({sender})" if mine else sender or "系统"
    failed = f"  [{payload['msg']}: {payload['info']}]" if payload.get("code", 0) != 0 else ""
    arrow = "→" if mine else "←"
    name = f"{account}: " if account else ""
    log.info("%s", printable(f"{name}{arrow} [{chat}] {who}: {payload['content']}{failed}"))


def printable(text: str) -> str:
    """Make one line of a text that a stranger wrote, without anything that controls a terminal."""
    text = text.replace("\r\n", "⏎").replace("\n", "⏎").replace("\r", "⏎")
    line = "".join(character if _harmless(character) else "�" for character in text)
    return line if len(line) <= LONGEST else line[:LONGEST] + "…"


def _harmless(character: str) -> bool:
    """Whether a character is printable, or one of the joiners that hold emoji together."""
    return character.isprintable() or character in "\u200d\ufe0f\u3000"
