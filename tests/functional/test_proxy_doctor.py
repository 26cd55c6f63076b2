"""``openwx doctor`` and proxies: which one an account uses, whether it works, and never its password."""

from typing import Any

import pytest

from openwx.cli import doctor
from openwx.cli.doctor.finding import Finding, Level
from openwx.simulator import Simulator
from tests.proxies import PASSWORD, USER, HttpProxy, SmallProxy, SocksProxy, listening

from .test_doctor import Patient, patient
from .world import World

__all__ = ["patient"]
NAME = "wechat.example"
KINDS = [HttpProxy, SocksProxy]


def about_proxies(findings: list[Finding]) -> list[Finding]:
    assert "s3cr3t" not in str(findings)
    return [one for one in findings if one.about == "proxy"]


def behind(patient: Patient, url: str, base_url: str = f"http://{NAME}") -> None:
    patient.environ["OPENWX_ACCOUNTS__DEFAULT__BASE_URL"] = base_url
    patient.environ["OPENWX_ACCOUNTS__DEFAULT__PROXY"] = url


@pytest.mark.parametrize("kind", KINDS)
async def test_a_proxy_that_works(
    patient: Patient, simulator: Simulator, kind: type[SmallProxy]
) -> None:
    port = int(simulator.url.rpartition(":")[2])
    async with listening(kind(secret=(USER, PASSWORD), names={NAME: port})) as proxy:
        behind(patient, proxy.secret_url)
        words = f"default reaches WeChat through {proxy.url} (accounts.default.proxy)"
        await patient.is_well("proxy", words)
        await patient.is_well("base_url", f"http://{NAME} answers within")
        assert set(proxy.asked) == {f"{NAME}:80"}, "post_api is asked directly"
        del patient.environ["OPENWX_ACCOUNTS__DEFAULT__PROXY"]
        patient.environ["ALL_PROXY"] = proxy.secret_url
        await patient.is_well("proxy", f"through {proxy.url} (ALL_PROXY)")
        patient.environ["OPENWX_ACCOUNTS__DEFAULT__BASE_URL"] = simulator.url
        await patient.is_well("proxy", "default reaches WeChat directly")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_proxy_that_does_not(patient: Patient, kind: type[SmallProxy]) -> None:
    proxy = kind(secret=(USER, PASSWORD))
    async with listening(proxy):
        behind(patient, proxy.url.replace("://", "://wei:other@"), f"https://{NAME}")
        await patient.has(Level.PROBLEM, "proxy", f"the proxy {proxy.url} wants a user", "user")
        proxy.secret = None
        words = f"the proxy {proxy.url} does not connect to WeChat"
        await patient.has(Level.PROBLEM, "proxy", words, "rules")
        proxy.mood = "garbage"
        await patient.has(Level.PROBLEM, "proxy", "does not work", "kind")
    await patient.has(Level.PROBLEM, "proxy", "cannot be reached: connection refused", "start it")


async def test_the_hosts_that_a_proxy_does_not_reach(patient: Patient) -> None:
    """One finding for all of them."""
    del patient.environ["OPENWX_ACCOUNTS__DEFAULT__BASE_URL"]
    async with listening(HttpProxy()) as proxy:
        proxy.mood = "refuses"
        patient.environ["HTTPS_PROXY"] = proxy.address
        (one,) = about_proxies(await patient.examined())
        assert "it answers HTTP 502 to CONNECT (asked for https://login.wx.qq.com, " in one.words
        assert one.advice.endswith("(HTTPS_PROXY)")
        assert len(proxy.asked) == 4


async def test_a_file_with_a_password_that_others_can_read(patient: Patient) -> None:
    source = patient.folder / "open.toml"
    source.write_text(
        '[accounts.default]\nproxy = "http://wei:s3cr3t@127.0.0.1:1"\n', encoding="utf-8"
    )
    source.chmod(0o644)
    findings = await doctor.examine(source, patient.environ)
    advice = [one.advice for one in findings if one.level is Level.WARNING]
    assert advice == [f"chmod 600 {source}"]
    assert "s3cr3t" not in str(findings)


async def test_the_transport_that_was_chosen_in_the_console(
    patient: Patient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hosts of the transport in use are asked, not those of the configuration's."""
    monkeypatch.setattr("openwx.cli.doctor.reach.TIMEOUT_S", 3.0)
    gateway = await world.start(settings=several(world))
    assert gateway.service is not None
    manager = gateway.service.gateway
    manager.account("default").stop()
    await manager.account("default").ended.wait()
    await manager.change_transport(manager.account("default"), "ilink")
    patient.environ["OPENWX_DATA_DIR"] = str(world.data_dir)
    del patient.environ["OPENWX_ACCOUNTS__DEFAULT__BASE_URL"]
    hosts = [one.words for one in await patient.examined() if one.about == "WeChat"]
    assert len(hosts) == 2
    assert all("weixin.qq.com" in one for one in hosts)


def several(world: World) -> Any:
    """Return settings with a second account, so that the gateway goes on while the first is stopped."""
    settings = world.settings()
    accounts = {**settings.accounts, "other": settings.accounts["default"]}
    return settings.model_copy(update={"accounts": accounts})
