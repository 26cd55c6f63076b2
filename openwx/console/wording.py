"""Words codes in the reader's language: WeChat's Ret, classes of errors, result codes, HTTP statuses.
Views and templates call it.

Nothing here reads an English text. Where only such a text has more detail, it is passed on as
``Explanation.detail``, which Chinese pages show folded.
"""

from typing import Any

import msgspec

from openwx.coded import Coded
from openwx.console.delivery_words import in_chinese
from openwx.console.translation import Translator
from openwx.domain.contacts import FRIEND, PUBLIC_ACCOUNT, SYSTEM_ACCOUNT
from openwx.errors import (
    BadResponse,
    CallerError,
    Code,
    LeaseLost,
    ProxyFailed,
    ProxyTrouble,
    Rejected,
    WeChatError,
)
from openwx.reasons import Reason, ReasonCode
from openwx.reporter import delivery_error
from openwx.reporter.delivery_error import DeliveryErrorCode
from openwx.store.base import InDoubt
from openwx.store.records import ListedDelivery

MAY_NOT_LOG_IN = 1203
KNOWN_RETS = frozenset({-14, 1100, 1101, 1102, MAY_NOT_LOG_IN, 1204, 1205})


class Explanation(msgspec.Struct, frozen=True):
    """Why something failed. ``detail`` is the English text of the log, to find the fault with."""

    words: str
    detail: str = ""


class PageError(CallerError):
    """A page that cannot be shown, or a form that cannot be done; ``id`` names the sentence that says why."""

    def __init__(self, code: Code, id: str, **values: object) -> None:
        super().__init__(code, id)
        self.id = id
        self.values = values


def ret_words(ret: int, t: Translator) -> str:
    """Say what a Ret of WeChat means."""
    return t(f"ret.{ret}") if ret in KNOWN_RETS else t("ret.other", ret=ret)


_REASONS: dict[ReasonCode, str] = {
    ReasonCode.SCANNED_BY_ANOTHER: "reason.scanned_by_another",
    ReasonCode.VERIFY_CODE_BLOCKED: "reason.verify_code_blocked",
    ReasonCode.SECOND_POLLER: "reason.second_poller",
    ReasonCode.TOKEN_DOUBTED: "reason.token_doubted",
}
"""Reasons that say more than the state, and why it lasts."""


def state_words(reason: Reason, t: Translator) -> Explanation | None:
    """Say why an account is in its state, where more than the state is to be said."""
    id = _REASONS.get(reason.code)
    return Explanation(t(id), reason.text) if id else None


def trouble_reason(error: WeChatError, t: Translator) -> Explanation:
    """Say how a call to WeChat failed."""
    match error:
        case Rejected():
            words = ret_words(error.ret, t)
        case BadResponse():
            words = t("trouble.not_understood")
        case ProxyFailed():
            words = _proxy_words(error, t)
        case _:
            words = t("trouble.unreachable")
    return Explanation(words, str(error))


def _proxy_words(error: ProxyFailed, t: Translator) -> str:
    match error.trouble:
        case ProxyTrouble.UNREACHABLE:
            return t("trouble.proxy_unreachable", proxy=error.proxy)
        case ProxyTrouble.AUTH:
            return t("trouble.proxy_auth", proxy=error.proxy)
        case ProxyTrouble.CANNOT_REACH:
            return t("trouble.proxy_cannot_reach", proxy=error.proxy)
        case ProxyTrouble.BROKEN:
            return t("trouble.proxy_broken", proxy=error.proxy)


_FAILURES: dict[int, str] = {
    Code.NOT_FOUND: "failure.receiver",
    Code.REFUSED: "failure.refused",
    Code.UNREACHABLE: "trouble.unreachable",
    Code.MEDIA: "failure.media",
    Code.NOT_RUNNING: "failure.not_running",
    Code.GAVE_UP: "failure.gave_up",
    Code.NOT_SUPPORTED: "error.not_supported",
}


def failure_words(code: int, t: Translator) -> str:
    """Say why a message was not sent. ``code`` is a ``Code``, or WeChat's Ret."""
    id = _FAILURES.get(code)
    return t(id) if id else ret_words(code, t)


_BY_STATUS = {408: "error.slow", 413: "error.too_large"}
_BY_CODE: dict[int, str] = {
    Code.NOT_FOUND: "error.not_found",
    Code.NOT_POSSIBLE: "error.not_possible",
    Code.UNREACHABLE: "trouble.unreachable",
    Code.BAD_PARAMETER: "error.bad_request",
    Code.MEDIA: "error.media",
    Code.NOT_RUNNING: "error.not_logged_in",
    Code.GAVE_UP: "error.journal",
    Code.QUEUE_FULL: "error.busy",
    Code.FORBIDDEN: "error.forbidden",
    Code.NOT_SUPPORTED: "error.not_supported",
}


def error_reason(error: CallerError | InDoubt | LeaseLost, t: Translator) -> Explanation:
    """Say why a page cannot be shown, or a form cannot be done, or that nobody knows whether it was."""
    if isinstance(error, InDoubt):
        return Explanation(t("error.in_doubt"), str(error))
    if isinstance(error, LeaseLost):
        return Explanation(t("error.lease_lost"), str(error))
    if isinstance(error, PageError):
        return Explanation(t(error.id, **error.values))
    id = _BY_STATUS.get(error.http_status or 0) or _BY_CODE.get(error.code)
    words = t(id) if id else t("error.other", code=int(error.code))
    return Explanation(words, error.status)


def delivery_words(error: Coded, t: Translator) -> Explanation:
    """Say why an attempt to deliver a report failed. What a former version wrote is passed on."""
    if t.language == "en":
        return Explanation(delivery_error.words(error))
    if error.code == DeliveryErrorCode.AS_WRITTEN:
        return Explanation(t("delivery.not_delivered"), delivery_error.words(error))
    return Explanation(in_chinese(error))


def says_more_than_status(one: ListedDelivery) -> bool:
    """Return whether the error of a delivery says more than its HTTP status."""
    error = delivery_error.read(one.error)
    return error is not None and error.code != DeliveryErrorCode.HTTP_STATUS


def delivery_reason(one: ListedDelivery, t: Translator) -> Explanation:
    """Say how the last attempt of a delivery ended, which has an error."""
    error = delivery_error.read(one.error)
    assert error is not None
    return delivery_words(error, t)


_CATEGORIES = {
    FRIEND: "category.friend",
    PUBLIC_ACCOUNT: "category.public",
    SYSTEM_ACCOUNT: "category.system",
}


def category_words(category: str, t: Translator) -> str:
    """Name a kind of contact, which the contract spells in Chinese."""
    id = _CATEGORIES.get(category)
    return t(id) if id else category


def property_value(name: str, value: Any, t: Translator) -> str:
    """Show the value of a contact's property."""
    match name:
        case "sex":
            return t.of_code("sex", str(value))
        case "category":
            return category_words(str(value), t)
        case _:
            return str(value) or "—"
