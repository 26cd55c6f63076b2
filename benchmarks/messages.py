"""Reports of text messages, for the rows ``journal``, ``pace``, ``reports`` and ``burst``."""

import itertools

import msgspec

from openwx.store.records import NewReport

_numbers = itertools.count(1)


def body(number: int, chat: int) -> bytes:
    """Encode a friend's text message as it is POSTed."""
    return msgspec.json.encode(
        {
            "post_type": "receive_message",
            "type": "friend_message",
            "class": "recv",
            "uid": f"{number:032x}",
            "time": "1764040000",
            "content": f"这是第 {number} 条消息，周末一起爬山吗？",
            "sender": f"friend {chat}",
            "sender_id": f"@{chat:064x}",
            "sender_uid": 1000 + chat,
            "sender_name": f"friend {chat}",
            "sender_account": f"wx{chat}",
            "sender_markname": "",
            "sender_category": "好友",
            "receiver": "owner",
            "receiver_id": f"@{0:032x}",
            "receiver_uid": 1,
            "receiver_name": "owner",
            "receiver_account": "owner",
            "receiver_markname": "",
            "receiver_category": "",
            "id": str(1_600_000_000_000_000_000 + number),
            "format": "text",
        }
    )


def new_report(chat: int = 0) -> NewReport:
    """Make a report of a new text in this chat."""
    number = next(_numbers)
    return NewReport(
        chat=f"chat {chat}",
        kind="receive_message",
        body=body(number, chat),
        uid=f"{number:032x}",
        dedupe=f"1:{number}",
        reply_to=b"{}",
    )
