"""Several nodes that share the accounts: who runs which, and what callers of any of them are told."""

from collections import Counter

from .nodes import Cluster


async def test_three_nodes_share_the_accounts(cluster: Cluster) -> None:
    for name in "abc":
        await cluster.start(name)
    owners = await cluster.log_in()
    assert sorted(Counter(owners.values()).values()) == [1, 1, 2]
    for name, owner in owners.items():
        friend = cluster.wechat[name].friend("小灰")
        friend.says(f"to {name}")
        await cluster.receiver.get(content=f"to {name}")
        reply = await cluster.nodes[owner].get(
            "send_friend_message", client=name, account="xiaohui2016", content="hi"
        )
        assert reply.code == 0
