"""The audit log: one line for everything that changes something, and for wrong tokens.
``endpoints``, ``wrong_tokens`` and the console write it.

It says who called (the name of a key, never its token), from where and how, what and on which account, about whom (ids,
never the text of a message), and how it ended. ``log_format = "json"`` has each of these as a field.
"""

import logging
from collections.abc import Mapping
from typing import Literal

from openwx.api.callers import Caller
from openwx.errors import Code
from openwx.logcontext import bind, current
from openwx.safetext import one_line

log = logging.getLogger("openwx.audit")

Via = Literal["http", "ws", "console"]

_ABOUT = ("group_id", "id", "friends", "friend", "members", "member")
"""The parameters that say about whom or what a call is; all have ids."""
_LONGEST = 200
_REFUSED = frozenset({Code.UNAUTHENTICATED, Code.FORBIDDEN})


def changed(
    caller: Caller, address: str, via: Via, route: str, code: int, *, account: str, about: str
) -> None:
    """Log a call that changes something, also one that was refused or failed. ``about``: see ``about_of``."""
    level = logging.WARNING if code in _REFUSED else logging.INFO
    if not log.isEnabledFor(level):
        return
    account, about = _short(account), _short(about)
    words = f" on {account}" if account else ""
    words += f" about {about}" if about else ""
    fields: dict[str, str | int] = {"key": caller.name, "address": address, "via": via}
    fields |= {"route": route, "account": account, "about": about, "code": code}
    with bind(**fields):
        log.log(
            level, "%s from %s by %s: %s%s: code %d", caller.name, address, via, route, words, code
        )


def wrong_token(address: str) -> None:
    """Log a wrong token, without it."""
    with bind(address=address, code=int(Code.UNAUTHENTICATED)):
        log.warning("a wrong token from %s", address)


def account_of(texts: Mapping[str, str]) -> str:
    """Return the account that this task is about: the one that was found, or else the one that was named."""
    return str(current().get("account", texts.get("client", "")))


def about_of(texts: Mapping[str, str], reply: object) -> str:
    """Return whom or what a call is about: the ids that it names, else the id that its answer has."""
    named = [texts[name] for name in _ABOUT if texts.get(name)]
    if named:
        return " ".join(named)
    answered = (getattr(reply, name, None) for name in ("id", "group_id", "media_id"))
    return next((one for one in answered if isinstance(one, str)), "")


def _short(text: str) -> str:
    shown = one_line(text[:_LONGEST])
    return shown + "…" if len(text) > _LONGEST else shown
