"""What a node publishes of its ``cluster.secret``, so that others see whether theirs is the same.
``service`` makes it; ``node`` and ``openwx doctor`` compare it.
"""

import hmac
import secrets

from openwx.store.records import ClusterView


def proof_of(secret: str | None) -> str:
    """Return what shows nobody the secret, and is another one each time; empty without a secret."""
    salt = secrets.token_hex(16)
    return f"{salt}.{_digest(secret, salt)}" if secret else ""


def strangers(view: ClusterView, secret: str | None) -> list[str]:
    """List the nodes that certainly have another secret than this one."""
    if not secret:
        return []
    return sorted(one.node for one in view.nodes if one.proof and not _is_of(one.proof, secret))


def _is_of(proof: str, secret: str) -> bool:
    salt, _, digest = proof.partition(".")
    return hmac.compare_digest(digest.encode(), _digest(secret, salt).encode())


def _digest(secret: str, salt: str) -> str:
    return hmac.digest(secret.encode(), f"openwx secret\n{salt}".encode(), "sha256").hex()
