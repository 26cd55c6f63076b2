"""What may be logged again, and when."""

from openwx.throttle import Throttle


def test_each_key_once_in_its_period() -> None:
    now = 0.0
    throttle = Throttle(10, clock=lambda: now)
    assert [throttle.allows("a"), throttle.allows("a"), throttle.allows("b")] == [True, False, True]
    now = 9.9
    assert not throttle.allows("a")
    now = 10.0
    assert throttle.allows("a")
    assert not throttle.allows("a")


def test_only_so_many_keys_in_a_period() -> None:
    now = 0.0
    throttle = Throttle(10, max_keys=2, clock=lambda: now)
    assert [throttle.allows(key) for key in "abc"] == [True, True, False]
    now = 10.0
    assert throttle.allows("c")
