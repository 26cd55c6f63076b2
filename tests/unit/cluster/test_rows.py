"""What a node makes of the rows of accounts."""

import msgspec
import pytest

from openwx.accounts.registry import SavedSettings
from openwx.cluster.placement import Fit
from openwx.cluster.rows import Rows, digest_of
from openwx.config import AccountSettings, Settings
from openwx.config.report import ReportSettings
from openwx.store.records import ClusterView, OwnedAccount


def row(name: str, *, wanted: bool = True, **saved: object) -> OwnedAccount:
    settings = SavedSettings(**saved)  # type: ignore[arg-type]
    return OwnedAccount(
        account=name,
        wanted=wanted,
        settings=msgspec.json.encode(settings),
        origin="config",
        owner=None,
        epoch=0,
        next="",
    )


def configured(report: ReportSettings | None = None, **accounts: AccountSettings) -> Settings:
    return Settings(accounts=accounts, report=report or ReportSettings())


def rows(settings: Settings, *seen: OwnedAccount) -> Rows:
    known = Rows(settings)
    known.note(ClusterView([], list(seen)))
    return known


SHOP = AccountSettings()


@pytest.mark.parametrize(
    "other",
    [
        configured(shop=AccountSettings(send_tries=7)),
        configured(shop=AccountSettings(transport="web")),
        configured(shop=AccountSettings(post_api="http://127.0.0.1:1/")),
        configured(ReportSettings(post_api="http://127.0.0.1:1/"), shop=AccountSettings()),
    ],
)
def test_a_digest_tells_all_that_is_said_of_an_account(other: Settings) -> None:
    one = configured(shop=SHOP, home=AccountSettings(send_tries=3))
    assert digest_of(SHOP, one) == digest_of(SHOP, configured(shop=AccountSettings()))
    assert digest_of(SHOP, one) != digest_of(other.accounts["shop"], other)


def test_accounts_of_the_configuration_fit_by_their_digest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = configured(shop=SHOP, home=SHOP, bare=SHOP, new=SHOP)
    same = digest_of(SHOP, settings)
    seen = [
        row("shop", digest=same),
        row("home", digest="another"),
        row("bare"),
        row("strange", digest=same),
    ]
    known = rows(settings, *seen)
    fits = {"shop": Fit.READY, "home": Fit.LATE, "bare": Fit.READY}
    for _ in range(2):
        assert known.fits() == fits
    assert known.missing == ["new"]
    assert known.settings_of("strange") is None
    assert known.digest_of("strange") == ""
    assert caplog.text.count("its settings differ") == 1


def test_accounts_that_the_api_started_bring_their_settings() -> None:
    settings = configured(shop=SHOP)
    known = rows(
        settings,
        row("new", started_with={"send_tries": "7"}),
        row("bad", started_with={"login_mode": "phone"}),
        row("Shop", started_with={}),
    )
    assert known.fits() == {"new": Fit.READY}
    found = known.settings_of("new")
    assert found is not None
    assert found.send_tries == 7
    # Of another start, with other settings.
    known.note(ClusterView([], [row("new", started_with={"send_tries": "9"})]))
    found = known.settings_of("new")
    assert found is not None
    assert found.send_tries == 9


def test_a_transport_that_was_chosen_counts_where_the_configuration_names_none() -> None:
    named = AccountSettings(transport="web")
    settings = configured(shop=SHOP, home=named)
    known = rows(settings, row("shop", transport="ilink"), row("home", transport="ilink"))
    found = {name: known.settings_of(name) for name in ("shop", "home")}
    assert {name: one and one.transport for name, one in found.items()} == {
        "shop": "ilink", "home": "web",
    }  # fmt: skip


def test_a_row_that_cannot_be_read_is_as_one_without_choices() -> None:
    bad = row("shop")
    damaged = msgspec.structs.replace(bad, settings=b"\xff")
    assert rows(configured(shop=SHOP), damaged).fits() == {"shop": Fit.READY}


def test_a_row_that_cannot_be_read_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    broken = msgspec.structs.replace(row("shop"), settings=b'{"x":' + b"[" * 100_000)
    known = rows(configured(), broken)
    known.note(ClusterView([], [broken, row("new", started_with={})]))
    assert [one.message.partition(":")[0] for one in caplog.records] == ["shop"]
    assert list(known.fits()) == ["new"]
    known.note(ClusterView([], [row("shop", started_with={})]))
    assert list(known.fits()) == ["shop"]
