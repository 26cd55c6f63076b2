"""Two nodes of a cluster, and their servers for each other."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from openwx.cluster import directory

from .nodes import Nodes, OneNode


@pytest.fixture
async def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Nodes]:
    """Return a cluster without nodes. What its nodes read of the table is never old."""
    monkeypatch.setattr(directory, "FRESH_S", -1.0)
    async with AsyncExitStack() as stack:
        yield Nodes(stack, tmp_path)


@pytest.fixture
async def a(nodes: Nodes) -> OneNode:
    """Return the node that is called; ``bob`` is elsewhere."""
    return await nodes.start("a")


@pytest.fixture
async def b(nodes: Nodes) -> OneNode:
    """Return the node that owns ``bob``."""
    node = await nodes.start("b")
    node.takes("bob")
    return node
