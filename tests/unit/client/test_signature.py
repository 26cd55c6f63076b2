"""What the gateway signs is believed, and nothing else is."""

import base64

import pytest

from openwx.client.receiving import Receiver
from openwx.client.signature import BadSignatureError, verify
from openwx.reporter.signing import Signer, key_of

SECRETS = ["a secret", "whsec_" + base64.b64encode(b"0123456789abcdef").decode()]
BODY = '{"content":"你好"}'.encode()
NOW = 1_700_000_000


def signed(secret: str, body: bytes = BODY) -> dict[str, str]:
    signer = Signer("msg_1", NOW, key_of(secret))
    signer.update([body])
    return signer.headers()


@pytest.mark.parametrize("secret", SECRETS)
def test_the_gateways_own_signature_is_good(secret: str) -> None:
    verify(secret, signed(secret), BODY, now=NOW + 299)


def test_one_of_several_signatures_is_enough() -> None:
    headers = signed(SECRETS[0])
    headers["webhook-signature"] = f"v1,xxxx v2,yyyy {headers['webhook-signature']}"
    verify(SECRETS[0], headers, BODY, now=NOW)


@pytest.mark.parametrize(
    ("changes", "body", "now", "words"),
    [
        ({}, BODY + b" ", NOW, "another secret"),
        ({}, BODY, NOW + 301, "too far"),
        ({}, BODY, NOW - 301, "too far"),
        ({"webhook-id": "msg_2"}, BODY, NOW, "another secret"),
        ({"webhook-timestamp": str(NOW + 1)}, BODY, NOW, "another secret"),
        ({"webhook-timestamp": "soon"}, BODY, NOW, "no time"),
        ({"webhook-signature": "v1,"}, BODY, NOW, "another secret"),
        ({"webhook-signature": ""}, BODY, NOW, "another secret"),
        ({"webhook-signature": "v1,你好"}, BODY, NOW, "another secret"),
    ],
)
def test_everything_else_is_not(changes: dict[str, str], body: bytes, now: int, words: str) -> None:
    with pytest.raises(BadSignatureError, match=words):
        verify(SECRETS[0], signed(SECRETS[0]) | changes, body, now=now)


def test_no_signature_and_another_secret() -> None:
    headers = signed(SECRETS[0])
    with pytest.raises(BadSignatureError, match="another secret"):
        verify(SECRETS[1], headers, BODY, now=NOW)
    del headers["webhook-signature"]
    with pytest.raises(BadSignatureError, match="webhook-signature.*missing"):
        verify(SECRETS[0], headers, BODY, now=NOW)


def test_a_secret_that_cannot_be_one_is_reported_at_once() -> None:
    async def handle(_: object) -> None:
        raise AssertionError

    with pytest.raises(ValueError, match="secret must be"):
        Receiver(handle, secret="whsec_x")
