"""What a node publishes of its ``cluster.secret``, so that others see whether theirs is the same.
``service`` makes it; ``node``, ``api.peers.client`` and ``openwx doctor`` compare it.
"""

import hmac
import secrets

from openwx.store.records import ClusterView, Node


def proof_of(secret: str | None) -> str:
    """Return what shows nobody the secret, and is another one each time; empty without a secret."""
    salt = secrets.token_hex(16)
    return f"{salt}.{_digest(secret, salt)}" if secret else ""


def with_other_secret(view: ClusterView, secret: str | None) -> list[str]:
    """List the nodes that certainly have another secret than this one."""
    if not secret:
        return []
    return sorted(one.node for one in view.nodes if has_other_secret(one, secret))


def has_other_secret(node: Node, secret: str) -> bool:
    """Return whether a node certainly has another secret than this one."""
    salt, _, digest = node.proof.partition(".")
    return bool(node.proof) and not hmac.compare_digest(
        digest.encode(), _digest(secret, salt).encode()
    )


def _digest(secret: str, salt: str) -> str:
    return hmac.digest(secret.encode(), f"openwx secret\n{salt}".encode(), "sha256").hex()
