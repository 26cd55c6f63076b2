"""Wrong tokens: the delay that they cost, and the addresses that they count for."""

from ipaddress import ip_network
from typing import cast

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from openwx.api.wrong_tokens import FORGOTTEN_S, Guesses


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def asking(remote: str, *forwarded: str) -> web.BaseRequest:
    headers = CIMultiDict(("X-Forwarded-For", value) for value in forwarded)
    request = make_mocked_request("GET", "/", headers=headers)
    return cast("web.BaseRequest", request.clone(remote=remote))


def guesses(*proxies: str, clock: Clock | None = None) -> Guesses:
    return Guesses([ip_network(proxy) for proxy in proxies], clock=clock or Clock())


def test_they_cost_more_and_more_time_until_they_are_forgotten() -> None:
    clock = Clock()
    counted = guesses(clock=clock)
    caller = asking("192.0.2.1")
    assert [counted.wrong(caller) for _ in range(5)] == [0, 0, 0, 0, 0]
    assert [counted.wrong(caller) for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert counted.wrong(asking("192.0.2.2")) == 0
    clock.now += FORGOTTEN_S + 1
    assert counted.wrong(caller) == 0


def test_a_network_of_ipv6_is_one_caller() -> None:
    counted = guesses()
    assert sum(counted.wrong(asking(f"2001:db8::{number:x}")) for number in range(6)) == 1
    assert counted.wrong(asking("2001:db8:0:1::1")) == 0


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openwx.api.wrong_tokens._MOST_CALLERS", 100)
    counted = guesses()
    for number in range(300):
        counted.wrong(asking(f"10.0.{number >> 8}.{number & 255}"))
    assert len(counted._wrong) == 100


@pytest.mark.parametrize(
    ("remote", "forwarded", "caller"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("10.0.0.2", [], "10.0.0.2"),
        ("10.0.0.2", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.2", ["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.2", ["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        ("10.0.0.2", ["203.0.113.9, 198.51.100.7, 10.9.9.9"], "198.51.100.7"),
        ("10.0.0.2", ["203.0.113.9, unknown, 10.9.9.9"], "10.9.9.9"),
        ("10.0.0.2", ["198.51.100.7:5123"], "198.51.100.7"),
        ("10.0.0.2", ["[2001:db8::1]:5123"], "2001:db8::/64"),
        ("10.0.0.2", ["nonsense"], "10.0.0.2"),
        ("10.0.0.2", ["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        ("::ffff:10.0.0.2", ["198.51.100.7"], "198.51.100.7"),
        ("fd00::1", ["198.51.100.7"], "198.51.100.7"),
        ("", ["198.51.100.7"], ""),
    ],
)
def test_behind_a_trusted_proxy_the_last_stranger_counts(
    remote: str, forwarded: list[str], caller: str
) -> None:
    assert guesses("10.0.0.0/8", "fd00::1").caller(asking(remote, *forwarded)) == caller
