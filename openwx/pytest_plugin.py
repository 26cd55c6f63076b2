"""Fixtures for tests of bots: a simulated WeChat, and a gateway that is logged in to it. pytest loads them.

``wechat``           the account, with everybody it knows: ``wechat.friend("小灰").says("hi")``
``wechat_service``   the simulated WeChat itself: faults, further accounts
``openwx_gateway``   a gateway that is logged in: ``url``, ``client``, ``stop()``
``openwx_post_api``  the address of the bot for ``openwx_gateway``, to be overridden; none unless it is
``openwx_url``       where gateways listen, known before one starts
``start_openwx``     starts one: ``start_openwx(post_api=…, token=…, secret=…)``

They work in plain tests and in ``async`` ones, whatever runs those: the gateway has a thread and an event loop of its
own. In an ``async`` test what waits is awaited (``await friend.hears_text()``), in a plain one it just waits.

Every pytest where openwx is installed loads this module, so it imports nothing until a fixture is used.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from openwx.testing import LoopThread, World


@dataclass(frozen=True)
class _Here:
    """The world of a test, and how the test looks at it."""

    world: World
    thread: LoopThread
    is_async: bool

    def show(self, what: object) -> Any:
        from openwx.testing import Remote

        return Remote(what, self.thread, is_async=self.is_async)


@pytest.fixture
def _openwx(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[_Here]:
    from openwx.testing import LoopThread, World

    folder: Path = tmp_path_factory.mktemp("openwx")
    is_async = inspect.iscoroutinefunction(inspect.unwrap(request.function))
    with LoopThread() as thread:
        world = thread.do(lambda: World(folder))
        thread.run(world.__aenter__())
        try:
            yield _Here(world, thread, is_async)
        finally:
            thread.run(world.__aexit__(None, None, None))


@pytest.fixture
def wechat_service(_openwx: _Here) -> Any:
    """Provide the simulated WeChat: ``faults``, ``add_account()``, ``calls``."""
    return _openwx.show(_openwx.world.simulator)


@pytest.fixture
def wechat(_openwx: _Here) -> Any:
    """Provide the account and its people: ``friend(name)``, ``group(name)``, ``add_friend(name)``, ``phone`` etc."""
    return _openwx.show(_openwx.world.account)


@pytest.fixture
def openwx_url(_openwx: _Here) -> str:
    """Return the URL at which gateways of this test listen."""
    return _openwx.world.url


@pytest.fixture
def start_openwx(_openwx: _Here) -> Callable[..., Any]:
    """Start a gateway and log it in: ``post_api``, ``token``, ``login=False``, and keys of ``[accounts.NAME]``."""
    start: Callable[..., Any] = _openwx.show(_openwx.world).start_gateway
    return start


@pytest.fixture
def openwx_post_api() -> str | None:
    """Return the ``post_api`` of ``openwx_gateway``. Override it with the URL of the bot."""
    return None


@pytest.fixture
def openwx_gateway(_openwx: _Here, openwx_post_api: str | None) -> Iterator[Any]:
    """Provide a gateway that is logged in. It stops before the bot does."""
    gateway = _openwx.thread.run(_openwx.world.start_gateway(post_api=openwx_post_api))
    yield _openwx.show(gateway)
    _openwx.thread.run(gateway.stop())
