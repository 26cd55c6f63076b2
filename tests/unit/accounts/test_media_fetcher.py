"""Which addresses are for everybody."""

import pytest

from openwx.accounts.media.fetcher import is_public


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.255.0.3",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "::ffff:192.0.0.192",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2002:0a00:0001::1",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "fec0::1",
        "64:ff9b:1::7f00:1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "2130706433",
        "017700000001",
        "127.1",
        "127.1.",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
    ],
)
def test_private_addresses(host: str) -> None:
    assert not is_public(host)


@pytest.mark.parametrize(
    "host",
    [
        "8.8.8.8",
        "1.1.1.1",
        "2606:4700::1111",
        "64:ff9b::808:808",
        "example.org",
        "1.example",
        "0x.org",
        "",
    ],
)
def test_public_addresses_and_names(host: str) -> None:
    assert is_public(host)
