"""Each message as one line on the console, as the original's ShowMsg plugin showed it."""

import logging
from typing import Any

log = logging.getLogger("openwx.chat")

LONGEST = 500


def show(account: str, payload: dict[str, Any]) -> None:
    """One line: chat, who, what, and the account where there are several. The log puts the time before it."""
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
    """A text in one line that does nothing to a terminal: others write these texts."""
    text = text.replace("\r\n", "⏎").replace("\n", "⏎").replace("\r", "⏎")
    line = "".join(character if _harmless(character) else "�" for character in text)
    return line if len(line) <= LONGEST else line[:LONGEST] + "…"


def _harmless(character: str) -> bool:
    """Printable, or one of the joiners that hold emoji together."""
    return character.isprintable() or character in "\u200d\ufe0f\u3000"
