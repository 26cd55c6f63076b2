"""Errors of deliveries: codes with parameters, in the journal and in words."""

import pytest

from openwx.coded import Coded, Param, names_in
from openwx.neterrors import NetworkErrorCode
from openwx.reporter import delivery_error
from openwx.reporter.delivery_error import ENGLISH, DeliveryErrorCode, made

STATUS = made(DeliveryErrorCode.HTTP_STATUS, status=500)


@pytest.mark.parametrize("code", ENGLISH)
def test_the_journal_keeps_every_error(code: str) -> None:
    error = Coded(code, {name: f"<{name}>" for name in delivery_error.names_of(code)})
    stored = delivery_error.written(error)
    assert delivery_error.read(stored) == error
    words = delivery_error.words_of(stored)
    assert all(f"<{name}>" in words for name in names_in(ENGLISH[code]))


def test_a_cause_is_kept_with_its_error() -> None:
    stored = delivery_error.written(delivery_error.too_old(STATUS))
    assert delivery_error.words_of(stored) == "older than max_age: HTTP 500"
    assert delivery_error.code_of(stored) == "too_old"
    assert delivery_error.words(delivery_error.too_old(None)) == "older than max_age"


@pytest.mark.parametrize(
    "text",
    [
        "HTTP 400",
        "500",
        "{",
        '{"code": 3}',
        '{"code": "of_a_later_version"}',
        '{"code": "http_status"}',
        '{"code": "not_trusted", "params": {"host": "h", "port": 1, "verdict": "no"}}',
        '{"code": "too_old", "params": {"error": {"code": "of_a_later_version"}}}',
    ],
)
def test_what_this_version_cannot_word_is_shown_as_it_is(text: str) -> None:
    assert delivery_error.words_of(text) == text
    assert delivery_error.code_of(text) == ""


def test_no_error_is_empty() -> None:
    assert delivery_error.written(None) == delivery_error.words_of("") == ""
    assert delivery_error.code_of("") == ""
    assert delivery_error.read("") is None


def test_symbols_of_the_system_are_worded() -> None:
    where: dict[str, Param] = {"host": "bot", "port": 5000}
    broken = Coded(NetworkErrorCode.CONNECTION_BROKE, {"cause": ""})
    refused = Coded(NetworkErrorCode.NOT_CONNECTED, where | {"cause": "ECONNREFUSED"})
    tls = Coded(NetworkErrorCode.NOT_CONNECTED, where | {"cause": "WRONG_VERSION_NUMBER"})
    assert delivery_error.words(broken) == "the connection broke"
    assert delivery_error.words(refused) == "cannot connect to bot:5000: connection refused"
    assert delivery_error.words(tls) == "cannot connect to bot:5000: wrong version number"


def test_wrong_parameters_are_a_bug() -> None:
    with pytest.raises(TypeError, match="http_status takes"):
        made(DeliveryErrorCode.HTTP_STATUS, number=500)
