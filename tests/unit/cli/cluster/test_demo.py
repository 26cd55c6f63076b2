"""``openwx serve --demo`` with the configuration of a node."""

from pathlib import Path

from openwx.cli import demo
from openwx.config import AccountSettings, ClusterSettings, Settings, StoreSettings


def test_a_demo_leaves_the_database_alone() -> None:
    configured = Settings(
        store=StoreSettings(url="postgresql://openwx@127.0.0.1/openwx"),
        cluster=ClusterSettings(node="wx-1", listen="127.0.0.1:3100", secret="x" * 32),
    )
    shown = demo._settings(configured, AccountSettings(), "http://127.0.0.1:1/", Path("demo"))
    assert shown.store.url is None
    assert shown.cluster.listen is None
    assert shown.listen == configured.listen
